import { INFINITY } from '@tapedeck/grafana'
import { Ajv } from 'ajv'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { GRAFANA_CALLS } from './grafana-calls.ts'

type Json = Record<string, unknown>

/**
 * A server in the place of Grafana's HTTP API: it keeps what it is given and gives it back as Grafana does, with what
 * Grafana adds. Each call is checked against GRAFANA_CALLS, and each answer too; what does not fit is in `misfits`.
 */
export interface HttpStandIn {
  readonly address: string
  readonly token: string
  /** What it was asked, such as `GET /api/health`. */
  readonly calls: string[]
  readonly misfits: string[]
  /** Of the writes among `calls`. */
  writes(): string[]
  readonly sources: Map<string, Json>
  readonly folders: Map<string, Json>
  readonly dashboards: Map<string, { dashboard: Json; meta: Json }>
  readonly groups: Map<string, Json>
  readonly contactPoints: Map<string, Json>
  /** Permissions that its token lacks. */
  readonly lacks: Set<string>
  version: string | undefined
  plugin: string | undefined
  /** How the data source finds the api. */
  health: { readonly status: number; readonly message: string }
}

const ajv = new Ajv({ strict: true, allowUnionTypes: true })
const CALLS = GRAFANA_CALLS.map(({ body, answer, ...call }) => ({
  ...call,
  fitsBody: body === undefined ? undefined : ajv.compile(body),
  fitsAnswer: ajv.compile(answer)
}))

/** @param path what its address has after the port, such as `/grafana` behind a proxy */
export async function httpStandIn(t: TestContext, path = ''): Promise<HttpStandIn> {
  const http = createServer((request, response) => {
    void answerTo(standIn, path, request).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  const standIn: HttpStandIn = {
    address: `http://127.0.0.1:${(http.address() as AddressInfo).port}${path}`,
    token: 'glsa_a-token-of-a-service-account',
    calls: [],
    misfits: [],
    writes: () => standIn.calls.filter((call) => !call.startsWith('GET ')),
    sources: new Map(),
    folders: new Map(),
    dashboards: new Map(),
    groups: new Map(),
    contactPoints: new Map(),
    lacks: new Set(),
    version: '13.2.3',
    plugin: INFINITY.version,
    health: { status: 200, message: 'OK' }
  }
  t.after(() => assert.deepEqual(standIn.misfits, []))
  return standIn
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const message = (status: number, text: string): Answer => ({ status, body: { message: text } })
const ok = (body: unknown): Answer => ({ status: 200, body })

async function answerTo(
  standIn: HttpStandIn,
  prefix: string,
  request: IncomingMessage
): Promise<Answer> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const { method = '', url = '', headers } = request
  if (!url.startsWith(`${prefix}/`)) return message(404, 'Not found')
  const path = url.slice(prefix.length)
  const name = `${method} ${path}`
  standIn.calls.push(name)
  const call = CALLS.find((one) => one.method === method && one.path.test(path))
  if (call === undefined) {
    standIn.misfits.push(`${name} is not in GRAFANA_CALLS`)
    return message(404, 'Not found')
  }
  if (path === '/api/health') {
    if (headers.authorization !== undefined) standIn.misfits.push(`${name} was sent the token`)
  } else if (headers.authorization !== `Bearer ${standIn.token}`) {
    return message(401, 'Invalid API key')
  }
  if (call.permission !== undefined && standIn.lacks.has(call.permission)) {
    return message(
      403,
      `You'll need additional permissions. Permissions needed: ${call.permission}`
    )
  }
  const body = text === '' ? undefined : (JSON.parse(text) as Json)
  if (call.fitsBody === undefined ? body !== undefined : !call.fitsBody(body)) {
    standIn.misfits.push(`${name}: ${ajv.errorsText(call.fitsBody?.errors)}`)
    return message(400, 'bad request data')
  }
  const answer = answered(standIn, call, call.path.exec(path)?.slice(1) ?? [], body ?? {})
  if (answer.status < 300 && !call.fitsAnswer(answer.body)) {
    standIn.misfits.push(`answer to ${name}: ${ajv.errorsText(call.fitsAnswer.errors)}`)
  }
  return answer
}

function answered(
  standIn: HttpStandIn,
  { method, source }: { readonly method: string; readonly source: string },
  [first = '', second = '']: readonly string[],
  body: Json
): Answer {
  const { sources, folders, dashboards, groups } = standIn
  if (source.includes('health_response')) {
    const { version } = standIn
    return ok({ database: 'ok', commit: 'abc', ...(version !== undefined && { version }) })
  }
  if (source.includes('plugins.go')) {
    if (standIn.plugin === undefined || first !== INFINITY.id)
      return message(404, 'Plugin not found')
    return ok({ id: first, info: { version: standIn.plugin } })
  }
  if (source.includes('getDataSources')) {
    return ok([...sources.values()].map(({ secureJsonData: _secrets, ...listed }) => listed))
  }
  if (source.includes('checkDatasourceHealth')) {
    const { status, message: text } = standIn.health
    return { status, body: { status: status === 200 ? 'OK' : 'ERROR', message: text } }
  }
  if (source.includes('client/datasources')) {
    const uid = method === 'POST' ? String(body['uid']) : first
    const old = sources.get(uid)
    if (method === 'POST' && old !== undefined) return message(409, 'uid exists')
    if (method === 'PUT' && old === undefined) return message(404, 'Data source not found')
    const secrets = { ...(old?.['secureJsonData'] as Json), ...(body['secureJsonData'] as Json) }
    const stored = { readOnly: false, ...body, id: 1, orgId: 1, secureJsonData: secrets }
    sources.set(uid, stored)
    return ok({ datasource: stored, id: 1, message: 'done', name: String(body['name']) })
  }
  if (source.includes('getFolders')) {
    return ok([...folders.values()].map(({ uid, title }) => ({ id: 1, uid, title })))
  }
  if (source.includes('client/folders')) {
    if (method === 'POST') folders.set(String(body['uid']), { ...body, id: 1, version: 1 })
    const folder = folders.get(method === 'POST' ? String(body['uid']) : first)
    return folder === undefined ? message(404, 'folder not found') : ok(folder)
  }
  if (source.includes('getDashboardByUID')) {
    const found = dashboards.get(first)
    return found === undefined ? message(404, 'Dashboard not found') : ok(found)
  }
  if (source.includes('postDashboard')) return savedDashboard(standIn, body)
  if (source.includes('ontactpoint')) {
    if (method === 'GET') return ok([...standIn.contactPoints.values()])
    standIn.contactPoints.set(String(body['uid']), { ...body, provenance: 'api' })
    return { status: 202, body: method === 'POST' ? body : { message: 'contactpoint updated' } }
  }
  const key = `${first}/${second}`
  if (!folders.has(first)) return message(404, 'folder not found')
  if (method === 'PUT') groups.set(key, asGrafanaKeeps(body))
  const group = groups.get(key)
  return group === undefined ? message(404, 'rule group not found') : ok(group)
}

function savedDashboard({ dashboards, folders }: HttpStandIn, body: Json): Answer {
  const dashboard = body['dashboard'] as Json
  const uid = String(dashboard['uid'])
  const old = dashboards.get(uid)
  if (!folders.has(String(body['folderUid']))) return message(400, 'folder not found')
  if (old?.meta['provisioned'] === true) return message(400, 'Cannot save provisioned dashboard')
  if (old !== undefined && body['overwrite'] !== true) return message(412, 'version mismatch')
  const version = Number(old?.dashboard['version'] ?? 0) + 1
  dashboards.set(uid, {
    dashboard: { ...dashboard, id: 7, version },
    meta: { folderUid: body['folderUid'], version, provisioned: false }
  })
  return ok({ id: 7, uid, status: 'success', url: `/d/${uid}/x`, slug: 'x', version })
}

/** Durations in their longest units, defaults in each query, and where the group came from. */
function asGrafanaKeeps(group: Json): Json {
  const rules = (group['rules'] as Json[]).map((rule, index) => ({
    ...rule,
    id: index + 1,
    for: rule['for'] === '24h' ? '1d' : rule['for'],
    provenance: 'api',
    updated: '2026-03-30T00:00:00Z',
    data: (rule['data'] as Json[]).map((query) => ({
      ...query,
      queryType: '',
      model: { ...(query['model'] as Json), intervalMs: 1000, maxDataPoints: 43_200 }
    }))
  }))
  return { ...group, rules }
}
