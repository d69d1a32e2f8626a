import { Secret, type ErrorCode } from '@tapedeck/core'
import { INFINITY, pushToGrafana, type PushConfig } from '@tapedeck/grafana'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { saysAll } from '../says-all.ts'
import { httpStandIn, type HttpStandIn } from './http-stand-in.ts'

const COMMAND = join(import.meta.dirname, '../../../../grafana/src/main.ts')
const API = 'http://api.example:8080'
const DASHBOARDS = ['market', 'pipeline', 'trust', 'watchlist'].map((name) => `tapedeck-${name}`)
const options = { timeout: 30_000 }

function configFor({ address, token }: Pick<HttpStandIn, 'address' | 'token'>): PushConfig {
  return {
    grafanaUrl: address,
    grafanaToken: new Secret(token),
    apiUrl: API,
    apiToken: undefined,
    alertWebhook: undefined,
    isDryRun: false
  }
}

interface Rule {
  notification_settings?: { receiver: string }
}

async function push(
  t: TestContext,
  grafana: Pick<HttpStandIn, 'address' | 'token'>,
  changes: Partial<PushConfig> = {}
): Promise<string[]> {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  await pushToGrafana({ ...configFor(grafana), ...changes }, { signal: t.signal, say })
  return lines
}

async function refused(
  work: Promise<unknown>,
  code: ErrorCode,
  parts: readonly string[]
): Promise<void> {
  await assert.rejects(work, saysAll(code, parts))
}

describe('pushToGrafana()', options, () => {
  it('gives an empty Grafana all of it, and says what it did', async (t) => {
    const grafana = await httpStandIn(t)
    const lines = await push(t, grafana)

    const source = grafana.sources.get('tapedeck-api')
    assert.equal(source?.['type'], INFINITY.id)
    assert.equal(source['url'], API)
    assert.equal(source['isDefault'], false, "somebody else's default stays")
    const jsonData = source['jsonData'] as Record<string, unknown>
    assert.deepEqual(jsonData['allowedHosts'], [API])
    assert.equal(jsonData['httpHeaderName1'], undefined)
    assert.deepEqual([...grafana.folders.keys()], ['tapedeck'])
    assert.deepEqual([...grafana.dashboards.keys()], DASHBOARDS)
    for (const { meta } of grafana.dashboards.values()) assert.equal(meta['folderUid'], 'tapedeck')
    const group = grafana.groups.get('tapedeck/tapedeck')
    assert.equal((group?.['rules'] as unknown[] | undefined)?.length, 15)
    assert.equal(group?.['interval'], 30)
    assert.deepEqual(lines, [
      `Grafana 13.2.3 at ${grafana.address}`,
      `plugin ${INFINITY.id} ${INFINITY.version}: installed`,
      `data source tapedeck: created, asks the api on ${API}, without a token`,
      'folder tapedeck: created',
      `dashboard Market: created, ${grafana.address}/d/tapedeck-market`,
      `dashboard Pipeline: created, ${grafana.address}/d/tapedeck-pipeline`,
      `dashboard Trust: created, ${grafana.address}/d/tapedeck-trust`,
      `dashboard Watchlist: created, ${grafana.address}/d/tapedeck-watchlist`,
      '15 alert rules: created',
      `Grafana reaches the api on ${API}`
    ])
  })

  it('writes nothing the second time', async (t) => {
    const grafana = await httpStandIn(t)
    await push(t, grafana)
    grafana.calls.length = 0
    const lines = await push(t, grafana)
    assert.deepEqual(grafana.writes(), [])
    assert.equal(lines.filter((line) => line.includes(': unchanged')).length, 7)
  })

  it('repairs what differs, alone', async (t) => {
    const grafana = await httpStandIn(t)
    await push(t, grafana)
    grafana.calls.length = 0
    const market = grafana.dashboards.get('tapedeck-market')
    market!.dashboard['title'] = 'Mine'
    grafana.dashboards.get('tapedeck-trust')!.meta['folderUid'] = 'elsewhere'
    const group = grafana.groups.get('tapedeck/tapedeck') as { rules: { for: string }[] }
    group.rules[0]!.for = '5m'
    await push(t, grafana)
    assert.deepEqual(grafana.writes(), [
      'POST /api/dashboards/db',
      'POST /api/dashboards/db',
      'PUT /api/v1/provisioning/folder/tapedeck/rule-groups/tapedeck'
    ])
    assert.equal(grafana.dashboards.get('tapedeck-market')?.dashboard['title'], 'Market')
    assert.equal(grafana.dashboards.get('tapedeck-trust')?.meta['folderUid'], 'tapedeck')
  })

  it('finishes a push that ended halfway', async (t) => {
    const grafana = await httpStandIn(t)
    grafana.lacks.add('dashboards:create')
    await refused(push(t, grafana), 'CONFIG_INVALID', ['create a dashboard', 'dashboards:create'])
    assert.equal(grafana.dashboards.size, 0)
    grafana.lacks.clear()
    const lines = await push(t, grafana)
    assert.ok(lines.includes('folder tapedeck: unchanged'))
    assert.equal(grafana.dashboards.size, 4)
  })

  it('changes nothing in a dry run, and says what it would do', async (t) => {
    const grafana = await httpStandIn(t)
    const lines = await push(t, grafana, { isDryRun: true })
    assert.deepEqual(grafana.writes(), [])
    assert.ok(lines.includes('folder tapedeck: would be created'))
    assert.ok(lines.includes('15 alert rules: would be created'))
    assert.equal(lines.at(-1), 'dry run: nothing was changed')
  })

  it('sends the token of the api as a secret, each time, and takes it back', async (t) => {
    const grafana = await httpStandIn(t)
    const apiToken = new Secret('a-token-of-the-api')
    await push(t, grafana, { apiToken })
    const source = () => grafana.sources.get('tapedeck-api') as Record<string, object>
    assert.deepEqual(source()['secureJsonData'], { httpHeaderValue1: 'Bearer a-token-of-the-api' })
    assert.equal(
      (source()['jsonData'] as Record<string, unknown>)['httpHeaderName1'],
      'Authorization'
    )

    grafana.calls.length = 0
    const lines = await push(t, grafana, { apiToken: new Secret('the-next-token-of-it') })
    assert.deepEqual(grafana.writes(), ['PUT /api/datasources/uid/tapedeck-api'])
    assert.deepEqual(source()['secureJsonData'], {
      httpHeaderValue1: 'Bearer the-next-token-of-it'
    })
    assert.ok(!lines.join('\n').includes('token-of'))

    await push(t, grafana)
    assert.ok(!('httpHeaderName1' in (source()['jsonData'] ?? {})), 'no header is sent')
  })

  it('keeps what somebody added to the data source', async (t) => {
    const grafana = await httpStandIn(t)
    await push(t, grafana)
    const source = grafana.sources.get('tapedeck-api')!
    source['name'] = 'the tape'
    source['isDefault'] = true
    const jsonData = source['jsonData'] as Record<string, unknown>
    jsonData['enableSecureSocksProxy'] = true
    await push(t, grafana, { apiUrl: 'http://127.0.0.1:8080' })
    const changed = grafana.sources.get('tapedeck-api')!
    assert.equal(changed['url'], 'http://127.0.0.1:8080')
    assert.equal(changed['name'], 'the tape')
    assert.equal(changed['isDefault'], true)
    assert.equal((changed['jsonData'] as Record<string, unknown>)['enableSecureSocksProxy'], true)
  })

  it('has alerts posted to an address, and nowhere else when it is taken away', async (t) => {
    const grafana = await httpStandIn(t)
    await push(t, grafana)
    grafana.calls.length = 0
    const rules = () => (grafana.groups.get('tapedeck/tapedeck')?.['rules'] ?? []) as Rule[]
    const receivers = () => new Set(rules().map((rule) => rule.notification_settings?.receiver))

    const alertWebhook = new Secret('https://hooks.example/a-secret-path?key=1')
    const lines = await push(t, grafana, { alertWebhook })
    assert.deepEqual(grafana.writes(), [
      'POST /api/v1/provisioning/contact-points',
      'PUT /api/v1/provisioning/folder/tapedeck/rule-groups/tapedeck'
    ])
    const kept = () => grafana.contactPoints.get('tapedeck-webhook')?.['settings'] as object
    assert.deepEqual(kept(), { url: alertWebhook.reveal(), httpMethod: 'POST' })
    assert.deepEqual(receivers(), new Set(['tapedeck']))
    assert.ok(lines.includes('contact point tapedeck: created, posts to hooks.example'))
    assert.ok(!lines.join('\n').includes('a-secret-path'))

    grafana.calls.length = 0
    await push(t, grafana, { alertWebhook })
    assert.deepEqual(grafana.writes(), [], 'the same again')
    Object.assign(kept(), { maxAlerts: 5 })
    await push(t, grafana, { alertWebhook: new Secret('https://other.example/') })
    assert.deepEqual(grafana.writes(), ['PUT /api/v1/provisioning/contact-points/tapedeck-webhook'])
    assert.deepEqual(kept(), { url: 'https://other.example/', httpMethod: 'POST', maxAlerts: 5 })

    await push(t, grafana)
    assert.deepEqual(receivers(), new Set([undefined]), 'the policies of that Grafana decide')
    for (const rule of rules()) rule.notification_settings = { receiver: 'mine' }
    await push(t, grafana)
    assert.deepEqual(receivers(), new Set(['mine']), 'what somebody chose stays')
  })

  it('works below a path', async (t) => {
    const grafana = await httpStandIn(t, '/grafana')
    const lines = await push(t, grafana)
    assert.ok(lines.some((line) => line.endsWith('/grafana/d/tapedeck-market')))
  })

  it('reports that Grafana does not reach the api', async (t) => {
    const grafana = await httpStandIn(t)
    grafana.health = { status: 400, message: 'dial tcp: connection refused' }
    const last = (await push(t, grafana)).at(-1) ?? ''
    for (const part of ['does not reach', API, 'connection refused', 'TAPEDECK_API_URL']) {
      assert.ok(last.includes(part), last)
    }
    grafana.lacks.add('datasources:query')
    const other = (await push(t, grafana)).at(-1) ?? ''
    assert.match(other, /does not let GRAFANA_TOKEN ask .* 403 /)
  })

  it('goes on with another version of the plugin, and without the version of Grafana', async (t) => {
    const grafana = await httpStandIn(t)
    grafana.plugin = '3.10.0'
    grafana.version = undefined
    const [first, second] = await push(t, grafana)
    assert.ok(first?.includes('of unknown version'))
    assert.ok(second?.includes(`3.10.0: installed; ${INFINITY.version} is tested`))
  })
})

describe('pushToGrafana() changes nothing and says why', options, () => {
  it('when the token is wrong', async (t) => {
    const grafana = await httpStandIn(t)
    const wrong = { address: grafana.address, token: 'glsa_another' }
    await refused(push(t, wrong), 'CONFIG_INVALID', [
      grafana.address,
      'GRAFANA_TOKEN',
      '401 "Invalid API key"',
      'Service accounts'
    ])
    assert.deepEqual(grafana.writes(), [])
  })

  for (const [permission, purpose] of [
    ['datasources:read', 'read data sources'],
    ['folders:read', 'read folders'],
    ['dashboards:read', 'read dashboards']
  ] as const) {
    it(`when the token lacks ${permission}`, async (t) => {
      const grafana = await httpStandIn(t)
      grafana.lacks.add(permission)
      const parts = [purpose, permission, '403', 'role Admin']
      await refused(push(t, grafana), 'CONFIG_INVALID', parts)
      assert.deepEqual(grafana.writes(), [])
    })
  }

  it('when the plugin is not installed', async (t) => {
    const grafana = await httpStandIn(t)
    grafana.plugin = undefined
    await refused(push(t, grafana), 'SERVER_MISSING', [
      `${INFINITY.id} is not installed`,
      'Plugins',
      `grafana cli plugins install ${INFINITY.id} ${INFINITY.version}`
    ])
    assert.deepEqual(grafana.writes(), [])
  })

  it('when the version is too old or too new', async (t) => {
    const grafana = await httpStandIn(t)
    for (const version of ['10.4.1', '11.5.9', '14.0.0']) {
      grafana.version = version
      await refused(push(t, grafana), 'SERVER_MISSING', [version, '11.6.0 to 13'])
    }
    grafana.version = '11.6.0-87654'
    await push(t, grafana)
  })

  it('when a folder or data source of its name is not ours', async (t) => {
    const grafana = await httpStandIn(t)
    grafana.folders.set('fx1', { uid: 'fx1', title: 'Tapedeck' })
    await refused(push(t, grafana), 'SERVER_FAILED', [
      "folder 'Tapedeck'",
      'fx1',
      'nothing was changed'
    ])
    grafana.folders.clear()
    grafana.sources.set('ds1', { uid: 'ds1', name: 'tapedeck', type: 'prometheus' })
    await refused(push(t, grafana), 'SERVER_FAILED', ["data source 'tapedeck'", 'ds1'])
    assert.deepEqual(grafana.writes(), [])
  })

  it('when a contact point of its name or uid is not ours', async (t) => {
    const grafana = await httpStandIn(t)
    const alertWebhook = new Secret('https://hooks.example/')
    const other = { uid: 'cp1', name: 'tapedeck', type: 'email', settings: { addresses: 'a@b.c' } }
    grafana.contactPoints.set('cp1', other)
    const named = ["contact point 'tapedeck'", 'cp1', 'nothing was changed']
    await refused(push(t, grafana, { alertWebhook }), 'SERVER_FAILED', named)
    grafana.contactPoints.clear()
    grafana.contactPoints.set('tapedeck-webhook', { ...other, uid: 'tapedeck-webhook' })
    const typed = ['uid tapedeck-webhook', 'of type email']
    await refused(push(t, grafana, { alertWebhook }), 'SERVER_FAILED', typed)
    assert.deepEqual(grafana.writes(), [])
  })

  it('when files of its provisioning folder have the same', async (t) => {
    const grafana = await httpStandIn(t)
    await push(t, grafana)
    grafana.calls.length = 0
    grafana.dashboards.get('tapedeck-market')!.meta['provisioned'] = true
    await refused(push(t, grafana), 'SERVER_FAILED', ['dashboard Market', 'provisioning folder'])
    grafana.sources.get('tapedeck-api')!['readOnly'] = true
    await refused(push(t, grafana), 'SERVER_FAILED', [
      "data source 'tapedeck'",
      'provisioning folder'
    ])
    assert.deepEqual(grafana.writes(), [])
  })

  it('when something else answers, or nothing', async (t) => {
    const no = (address: string, parts: readonly string[], code: ErrorCode = 'SERVER_MISSING') =>
      refused(push(t, { address, token: 'glsa_token-of-a-grafana' }), code, [address, ...parts])
    const answers: readonly [RequestListener, string][] = [
      [(_, response) => response.end('<html>'), '200'],
      [(_, response) => response.end('{"status":"ok"}'), '200'],
      [(_, response) => response.writeHead(404).end(), '404'],
      [
        (_, response) => response.writeHead(301, { location: 'https://other.example/' }).end(),
        '301 to https://other.example/'
      ]
    ]
    for (const [answer, part] of answers) await no(await served(t, answer), ['No Grafana', part])
    await no('http://127.0.0.1:9', ['does not answer'], 'SERVER_FAILED')
  })
})

describe('npm run grafana -- --push', options, () => {
  it('ends with 0 after a push, and with 2 when the token is wrong', async (t) => {
    const grafana = await httpStandIn(t)
    const env = { GRAFANA_URL: `${grafana.address}/`, GRAFANA_TOKEN: grafana.token }
    const pushed = await run(['--push'], env)
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.match(pushed.stdout, /dashboard Market: created/)
    const wrong = await run(['--push', '--dry-run'], {
      ...env,
      GRAFANA_TOKEN: 'glsa_a-wrong-token'
    })
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /does not take GRAFANA_TOKEN/)
    assert.doesNotMatch(wrong.stderr, /a-wrong-token/)
  })
})

async function served(t: TestContext, listener: RequestListener): Promise<string> {
  const http = createServer(listener).listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: 'pipe' })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (texts.stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (texts.stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...texts }
}
