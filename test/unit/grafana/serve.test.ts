import { Secret, type ErrorCode } from '@tapedeck/core'
import { INFINITY, serveGrafana, type ServeConfig } from '@tapedeck/grafana'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { saysAll } from './says-all.ts'
import { freePort, standIn, type StandIn } from '../../support/grafana-stand-in.ts'

const PROJECT = join(import.meta.dirname, '../../..')
const COMMAND = join(PROJECT, 'grafana/src/main.ts')
const NO_API = 'http://127.0.0.1:9'
const options = { timeout: 30_000 }

describe('serveGrafana()', () => {
  it('installs the plugin, starts Grafana with our provisioning, stops it', options, async (t) => {
    const { grafana, config, served, stop, said } = await serving(t)
    await said('Grafana shows the market on')
    stop()
    await served

    const [version, install, server] = await grafana.calls()
    assert.deepEqual(version?.args, ['-v'])
    assert.deepEqual(install?.args, [
      'cli',
      '--homepath',
      grafana.home,
      '--pluginsDir',
      config.pluginsDir,
      'plugins',
      'install',
      INFINITY.id,
      INFINITY.version
    ])
    assert.deepEqual(server?.args, ['server', '--homepath', grafana.home])
    const { env } = server
    assert.equal(env['TAPEDECK_API_URL'], NO_API)
    assert.equal(env['TAPEDECK_API_TOKEN'], 'a-token-for-grafana')
    assert.equal(env['TAPEDECK_DASHBOARDS_PATH'], join(PROJECT, 'grafana/dashboards'))
    assert.equal(env['GF_PATHS_PROVISIONING'], join(PROJECT, 'grafana/provisioning'))
    assert.equal(env['GF_PATHS_DATA'], config.dataDir)
    assert.equal(env['GF_SERVER_HTTP_ADDR'], '127.0.0.1')
    assert.equal(env['GF_AUTH_ANONYMOUS_ORG_ROLE'], 'Viewer')
    assert.equal(env['GF_DASHBOARDS_MIN_REFRESH_INTERVAL'], '500ms')
    assert.equal(env['GF_USERS_DEFAULT_THEME'], 'light', "the user's own settings count")
    assert.equal(env['FINNHUB_TOKEN'], undefined, 'no secret of ours')
    await assert.rejects(fetch(`http://127.0.0.1:${config.port}/api/health`))
  })

  it('provisions a contact point when alerts are to be posted somewhere', options, async (t) => {
    const webhook = new Secret('https://hooks.example/$HOME/x')
    const { grafana, config, served, stop, said } = await serving(t, {}, undefined, true, webhook)
    await said('Grafana shows the market on')
    stop()
    await served
    const env = (await grafana.calls()).at(-1)?.env ?? {}
    const folder = env['GF_PATHS_PROVISIONING'] ?? ''
    assert.equal(folder, join(config.dataDir, 'provisioning'))
    const textOf = (file: string): Promise<string> => readFile(join(folder, file), 'utf8')
    const points = JSON.parse(await textOf('alerting/contact-point.yaml')) as {
      contactPoints: { name: string; receivers: { type: string; settings: { url: string } }[] }[]
    }
    assert.equal(points.contactPoints[0]?.name, 'tapedeck')
    const [receiver] = points.contactPoints[0].receivers
    assert.equal(receiver?.type, 'webhook')
    assert.equal(receiver.settings.url, 'https://hooks.example/$$HOME/x', 'Grafana halves it')
    const rules = await textOf('alerting/rules.yaml')
    const count = (text: string): number => rules.split(text).length - 1
    assert.equal(
      count('"receiver": "tapedeck"'),
      count('"uid": "tapedeck-') - count('"uid": "tapedeck-api"')
    )
    for (const file of ['datasources/tapedeck.yaml', 'dashboards/tapedeck.yaml']) {
      assert.notEqual(await textOf(file), '')
    }
    assert.ok(!JSON.stringify(env).includes('hooks.example'), 'only the file has it')
  })

  it('does not touch an installed plugin', options, async (t) => {
    const { grafana, served, stop, said } = await serving(t, {}, ({ pluginsDir }) =>
      installPlugin(pluginsDir, INFINITY.version)
    )
    await said('Grafana shows the market on')
    stop()
    await served
    assert.ok((await grafana.calls()).every(({ args }) => args[0] !== 'cli'))
  })

  it('continues with another version of the plugin when it cannot install', options, async (t) => {
    const failing = { installFails: 'no route to host' }
    const { served, stop, said } = await serving(t, failing, ({ pluginsDir }) =>
      installPlugin(pluginsDir, '3.10.0')
    )
    await said('no route to host')
    await said('Grafana shows the market on')
    stop()
    await served
  })

  it('says where to put the plugin when it cannot be installed', options, async (t) => {
    const { served } = await serving(t, { installFails: 'no route to host' })
    await rejects(served, 'SERVER_MISSING', ['no route to host', INFINITY.id, '--plugins DIR'])
  })

  it('reports that the api does not answer, and still starts', options, async (t) => {
    const { served, stop, said } = await serving(t)
    await said(`the api does not answer on ${NO_API}`)
    await said('Grafana shows the market on')
    stop()
    await served
  })

  it('runs the programs of older releases', options, async (t) => {
    const { grafana, served, stop, said } = await serving(t, { oldLayout: true })
    await said('Grafana shows the market on')
    stop()
    await served
    assert.deepEqual((await grafana.calls()).at(-1)?.args, ['--homepath', grafana.home])
  })

  it('refuses a Grafana too old for the plugin', options, async (t) => {
    const { served } = await serving(t, { version: '10.4.1' })
    await rejects(served, 'SERVER_MISSING', ['10.4.1', INFINITY.needsGrafana])
  })

  it('refuses a folder without Grafana', options, async (t) => {
    const { config, grafana } = await serving(t, {}, undefined, false)
    const refused = (home: string, part: string): Promise<void> =>
      rejects(
        serveGrafana({ ...config, home }, { env: {}, signal: t.signal, say: () => undefined }),
        'SERVER_MISSING',
        [home, part]
      )
    await refused(join(grafana.folder, 'nothing'), 'does not exist')
    await refused(grafana.folder, 'bin/grafana')
  })

  it('refuses a port that is taken before anything is installed', options, async (t) => {
    const taken = createServer()
    t.after(() => taken.close())
    const { served, grafana, config } = await serving(t, {}, async ({ port }) => {
      taken.listen(port, '127.0.0.1')
      await once(taken, 'listening')
    })
    await rejects(served, 'PORT_IN_USE', [String(config.port), 'GRAFANA_PORT'])
    assert.deepEqual(
      (await grafana.calls()).map(({ args }) => args),
      [['-v']]
    )
  })

  it("fails with Grafana's last output when it ends by itself", options, async (t) => {
    const { served } = await serving(t, { serverFails: 'database is locked' })
    await rejects(served, 'SERVER_FAILED', ['exit 1', 'database is locked', 'log'])
  })
})

describe('npm run grafana', () => {
  it('ends with 0 on Ctrl-C and leaves no Grafana behind', options, async (t) => {
    const grafana = await standIn(t)
    const port = await freePort()
    const child = spawn(process.execPath, [COMMAND, '--home', grafana.home], {
      env: {
        GRAFANA_PORT: String(port),
        TAPEDECK_API_URL: NO_API,
        TAPEDECK_DATA_DIR: grafana.folder
      },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    t.after(() => child.kill('SIGKILL'))
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.includes('Ctrl-C stops it')) break
    }
    assert.equal((await fetch(`http://127.0.0.1:${port}/api/health`)).status, 200)
    child.kill('SIGINT')
    const [code] = (await once(child, 'exit')) as [number | null]
    assert.equal(code, 0)
    await assert.rejects(fetch(`http://127.0.0.1:${port}/api/health`))
  })

  it('ends with 2 and the reason when there is no Grafana', options, async () => {
    const child = spawn(process.execPath, [COMMAND, '--home', import.meta.dirname], {
      env: {},
      stdio: ['ignore', 'inherit', 'pipe']
    })
    const words: string[] = []
    child.stderr.on('data', (chunk) => words.push(String(chunk)))
    const [code] = (await once(child, 'close')) as [number | null]
    assert.equal(code, 2)
    assert.match(words.join(''), /No Grafana in .*expected Grafana's home with bin\/grafana/)
  })
})

interface Serving {
  readonly grafana: StandIn
  readonly config: ServeConfig
  readonly served: Promise<void>
  stop(): void
  /** Resolves once a line with this text was said; rejects when the command ended without it. */
  said(text: string): Promise<void>
}

async function serving(
  t: TestContext,
  how: Parameters<typeof standIn>[1] = {},
  prepare: (config: ServeConfig) => Promise<unknown> = async () => undefined,
  start = true,
  alertWebhook?: Secret
): Promise<Serving> {
  const grafana = await standIn(t, how)
  const config = {
    home: grafana.home,
    port: await freePort(),
    apiUrl: NO_API,
    apiToken: new Secret('a-token-for-grafana'),
    alertWebhook,
    dataDir: join(grafana.folder, 'data'),
    pluginsDir: join(grafana.folder, 'data/plugins')
  }
  await prepare(config)
  const stopping = new AbortController()
  t.after(() => stopping.abort())
  const lines: string[] = []
  const waiting: { text: string; heard: () => void }[] = []
  const env = { GF_USERS_DEFAULT_THEME: 'light', FINNHUB_TOKEN: 'secret' }
  const say = (line: string): void => {
    lines.push(line)
    for (const { text, heard } of waiting) if (line.includes(text)) heard()
  }
  const served = start
    ? serveGrafana(config, { env, signal: stopping.signal, say })
    : Promise.resolve()
  served.catch(() => undefined)
  return {
    grafana,
    config,
    served,
    stop: () => stopping.abort(),
    async said(text) {
      const heard = new Promise<void>((resolve) => {
        waiting.push({ text, heard: resolve })
        if (lines.some((line) => line.includes(text))) resolve()
      })
      const silent = served.then(() => assert.fail(`ended without '${text}': ${lines.join('\n')}`))
      await Promise.race([heard, silent])
    }
  }
}

async function installPlugin(pluginsDir: string, version: string): Promise<void> {
  const folder = join(pluginsDir, INFINITY.id)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'plugin.json'), JSON.stringify({ info: { version } }))
}

async function rejects(
  work: Promise<unknown>,
  code: ErrorCode,
  parts: readonly string[]
): Promise<void> {
  await assert.rejects(work, saysAll(code, parts))
}
