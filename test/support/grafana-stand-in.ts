import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

interface Call {
  readonly args: string[]
  readonly env: Record<string, string>
  readonly pid: number
}

/**
 * A program in the place of Grafana's, since no Grafana can be installed from a package registry: it
 * writes down how it was called, answers /api/health and can be told to fail. What it proves is our
 * command, not Grafana.
 */
export interface StandIn {
  /** Grafana's home with bin/grafana. */
  readonly home: string
  /** A folder of the test's own, for data. */
  readonly folder: string
  /** How the program was called so far: its arguments and what it saw of the environment. */
  calls(): Promise<Call[]>
}

export interface StandInOptions {
  readonly version?: string
  /** The text with which `cli plugins install` fails. */
  readonly installFails?: string
  /** The text with which the server ends at once. */
  readonly serverFails?: string
  /** Programs of older releases: bin/grafana-server and bin/grafana-cli. */
  readonly oldLayout?: boolean
}

export async function standIn(t: TestContext, options: StandInOptions = {}): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'tapedeck-grafana-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  await mkdir(join(home, 'bin'), { recursive: true })
  const names = options.oldLayout === true ? ['grafana-server', 'grafana-cli'] : ['grafana']
  for (const name of names) {
    const file = join(home, 'bin', name)
    await writeFile(file, program(join(folder, 'calls.ndjson'), options))
    await chmod(file, 0o755)
  }
  return {
    home,
    folder,
    async calls() {
      const text = await readFile(join(folder, 'calls.ndjson'), 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Call)
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function program(record: string, options: StandInOptions): string {
  const { version = '13.2.3', installFails, serverFails } = options
  return `#!${process.execPath}
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs')
const { basename, join } = require('node:path')
const args = process.argv.slice(2)
appendFileSync(${JSON.stringify(record)}, JSON.stringify({ args, env: process.env, pid: process.pid }) + '\\n')
const fail = (text) => { process.stderr.write(text + '\\n'); process.exit(1) }
if (args.includes('-v')) {
  process.stdout.write('grafana version ${version}\\n')
} else if (args[0] === 'cli' || basename(process.argv[1]) === 'grafana-cli') {
  const failure = ${JSON.stringify(installFails ?? null)}
  if (failure) fail(failure)
  const [id, wanted] = args.slice(args.indexOf('install') + 1)
  const folder = join(args[args.indexOf('--pluginsDir') + 1], id)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'plugin.json'), JSON.stringify({ id, info: { version: wanted } }))
} else {
  const failure = ${JSON.stringify(serverFails ?? null)}
  if (failure) fail(failure)
  const server = require('node:http').createServer((request, response) => {
    response.writeHead(request.url === '/api/health' ? 200 : 404).end('{}')
  })
  server.listen(Number(process.env.GF_SERVER_HTTP_PORT), process.env.GF_SERVER_HTTP_ADDR)
  process.on('SIGTERM', () => process.exit(0))
}
`
}
