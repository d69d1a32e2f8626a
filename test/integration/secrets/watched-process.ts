import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'

const SERVICES = path.join(import.meta.dirname, '../../../services')

/** A service as a process of its own, of which everything that others could see is collected. */
export interface WatchedProcess {
  /** All it wrote so far, on both outputs. */
  output(): string
  /** Resolves when the output matches; rejects at the deadline. */
  says(pattern: RegExp, timeoutMs?: number): Promise<void>
  /** Keeps an answer of its HTTP server, by path. */
  visit(...paths: readonly string[]): Promise<void>
  /** Has Node write its crash report: what a process leaves that ends by an uncaught error. */
  report(): Promise<void>
  stop(): Promise<number>
  exited: Promise<number>
  /** Everything by where it was seen. */
  evidence(): Promise<ReadonlyMap<string, string>>
}

export async function watchedProcess(
  t: TestContext,
  program: string,
  env: Readonly<Record<string, string>>
): Promise<WatchedProcess> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-secrets-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [path.join(SERVICES, program)], {
    env: {
      PATH,
      HOME,
      LOG_LEVEL: 'trace',
      TAPEDECK_DATA_DIR: path.join(folder, 'data'),
      NODE_OPTIONS: `--report-on-signal --report-uncaught-exception --report-directory=${folder}`,
      ...env
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      output += piece
    })
  }
  const exited = once(child, 'exit').then(([code]) => Number(code ?? -1))
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const seen = new Map<string, string>()
  const inspect = async (): Promise<void> => {
    for (const name of ['cmdline', 'comm']) {
      const text = await readFile(`/proc/${child.pid}/${name}`, 'utf8').catch(() => undefined)
      if (text !== undefined && text !== '') seen.set(name, text)
    }
  }
  const reports = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('report.'))
  await inspect()
  const says = (pattern: RegExp, timeoutMs = 30_000): Promise<void> =>
    eventually(() => assert.match(output, pattern), { timeoutMs })
  return {
    output: () => output,
    says,
    exited,
    async visit(...paths) {
      await says(/"(health|api) is served"|is served/)
      const url = /"url":"(http:[^"]+)"[^\n]*is served/.exec(output)?.[1] ?? ''
      await inspect()
      for (const one of paths) {
        const answer = await fetch(`${url}${one}`, { signal: AbortSignal.timeout(10_000) })
        seen.set(`GET ${one}`, (seen.get(`GET ${one}`) ?? '') + (await answer.text()))
      }
    },
    async report() {
      child.kill('SIGUSR2')
      await eventually(async () => assert.ok((await reports()).length > 0))
    },
    async stop() {
      child.kill('SIGTERM')
      return exited
    },
    async evidence() {
      for (const name of await reports()) {
        seen.set('crash report', await readFile(path.join(folder, name), 'utf8'))
      }
      const logs = path.join(folder, 'data', 'logs')
      for (const name of await readdir(logs).catch(() => [])) {
        seen.set(`log file ${name}`, await readFile(path.join(logs, name), 'utf8'))
      }
      return new Map([...seen, ['output', output]])
    }
  }
}

/** None of the secrets stands anywhere, also not encoded for a URL or in base64. */
export function assertNowhere(
  evidence: ReadonlyMap<string, string>,
  secrets: readonly string[]
): void {
  const leaks = [...evidence].flatMap(([place, text]) =>
    secrets
      .flatMap((secret) => [
        secret,
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').replace(/=+$/, '')
      ])
      .filter((form) => text.includes(form))
      .map((form) => {
        const at = text.indexOf(form)
        return `${place}: …${text.slice(Math.max(0, at - 120), at + form.length + 20)}…`
      })
  )
  assert.deepEqual(leaks, [])
}
