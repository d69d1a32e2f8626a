import { printable, TapedeckError, type Secret } from '@tapedeck/core'
import { isDeepStrictEqual } from 'node:util'
import { ALERT_INTERVAL_SECONDS, alertRules, type AlertRule } from '../alerts.ts'
import { CONTACT_POINT, contactPoint, type ContactPoint } from '../contact-point.ts'
import {
  datasourceSettings,
  TOKEN_HEADER,
  tokenHeaderValue,
  type DatasourceSettings
} from '../datasource.ts'
import { renderDashboards } from '../render.ts'
import type { GrafanaHttp } from './grafana-http.ts'

/** The folder of dashboards and rules, and their group: title and uid. */
const FOLDER = 'tapedeck'
const FOLDERS_IN_LIST = 1000

/** One thing that Grafana should have, compared with what it has. */
export interface Step {
  /** Such as `dashboard Market`. */
  readonly what: string
  readonly change: 'create' | 'update' | 'keep'
  /** What a person may want to know of it. */
  readonly note?: string
  /** Makes the change. Does nothing for `keep`. */
  apply(): Promise<unknown>
}

const kept = async (): Promise<void> => undefined

interface FoundSource {
  readonly uid: string
  readonly name: string
  readonly type: string
  readonly access: string
  readonly url: string
  readonly isDefault?: boolean
  readonly readOnly?: boolean
  readonly jsonData?: Readonly<Record<string, unknown>>
}

/**
 * The data source. Settings that somebody added to it stay, such as those of a private connection, and so do its
 * name and whether it is the default one. Its stored token cannot be read, so with a token it is always written.
 * @param apiUrl address of the api as Grafana reaches it
 * @throws SERVER_FAILED when its name or uid belongs to something else; what GrafanaHttp throws
 */
export async function datasourceStep(
  grafana: GrafanaHttp,
  apiUrl: string,
  apiToken: Secret | undefined
): Promise<Step> {
  const wanted = datasourceSettings(apiUrl, 'env')
  const all = await grafana.read<readonly FoundSource[]>('/api/datasources', {
    to: 'read data sources',
    permission: 'datasources:read'
  })
  const found = all.find(({ uid }) => uid === wanted.uid)
  const namesake = all.find(({ name }) => name === wanted.name)
  if (found === undefined && namesake !== undefined) {
    throw notOurs(`data source '${wanted.name}'`, `its uid is ${namesake.uid}`)
  }
  if (found !== undefined && found.type !== wanted.type) {
    throw notOurs(`data source with the uid ${wanted.uid}`, `its type is ${found.type}`)
  }
  if (found?.readOnly === true) throw provisioned(`data source '${found.name}'`)
  const body = datasourceBody(wanted, found, apiToken !== undefined)
  const secured = {
    ...body,
    ...(apiToken !== undefined && { secureJsonData: tokenHeaderValue(apiToken.reveal()) })
  }
  const what = `data source ${printable(body.name)}`
  const note = `asks the api on ${apiUrl}${apiToken === undefined ? ', without a token' : ''}`
  if (found === undefined) {
    const purpose = { to: 'create a data source', permission: 'datasources:create' }
    const apply = () => grafana.write('POST', '/api/datasources', secured, purpose)
    return { what, change: 'create', note, apply }
  }
  const { url, access, jsonData } = found
  const isSame =
    apiToken === undefined &&
    isDeepStrictEqual(
      { url, access, jsonData },
      { url: body.url, access: body.access, jsonData: body.jsonData }
    )
  if (isSame) return { what, change: 'keep', note, apply: kept }
  const purpose = { to: 'change a data source', permission: 'datasources:write' }
  const apply = () => grafana.write('PUT', `/api/datasources/uid/${wanted.uid}`, secured, purpose)
  return { what, change: 'update', note, apply }
}

function datasourceBody(
  wanted: DatasourceSettings,
  found: FoundSource | undefined,
  hasToken: boolean
) {
  const { httpHeaderName1: _header, ...added } = found?.jsonData ?? {}
  return {
    ...wanted,
    name: found?.name ?? wanted.name,
    isDefault: found?.isDefault ?? false,
    jsonData: { ...added, ...wanted.jsonData, ...(hasToken && TOKEN_HEADER) }
  }
}

/**
 * The folder, known by its uid: one with another title was renamed, and stays so.
 * @throws SERVER_FAILED when another folder has its name; what GrafanaHttp throws
 */
export async function folderStep(grafana: GrafanaHttp): Promise<Step> {
  const what = `folder ${FOLDER}`
  const reading = { to: 'read folders', permission: 'folders:read' }
  const found = await grafana.find<{ title: string }>(`/api/folders/${FOLDER}`, reading)
  if (found !== undefined) return { what, change: 'keep', apply: kept }
  const all = await grafana.read<readonly { uid: string; title: string }[]>(
    `/api/folders?limit=${FOLDERS_IN_LIST}`,
    reading
  )
  const namesake = all.find(({ title }) => title.toLowerCase() === FOLDER)
  if (namesake !== undefined) {
    throw notOurs(`folder '${printable(namesake.title)}'`, `its uid is ${namesake.uid}`)
  }
  const body = { uid: FOLDER, title: FOLDER }
  const purpose = { to: 'create a folder', permission: 'folders:create' }
  return {
    what,
    change: 'create',
    apply: () => grafana.write('POST', '/api/folders', body, purpose)
  }
}

interface FoundDashboard {
  readonly dashboard: Readonly<Record<string, unknown>>
  readonly meta: { readonly folderUid?: string; readonly provisioned?: boolean }
}

/**
 * The dashboards. One that somebody changed or moved becomes again what it is here; its history in Grafana keeps
 * what it was.
 * @throws SERVER_FAILED when one of them comes from a file; what GrafanaHttp throws
 */
export async function dashboardSteps(grafana: GrafanaHttp): Promise<readonly Step[]> {
  const steps: Step[] = []
  for (const { json } of renderDashboards()) {
    const dashboard = JSON.parse(json) as { uid: string; title: string }
    const path = `/api/dashboards/uid/${dashboard.uid}`
    const reading = { to: 'read dashboards', permission: 'dashboards:read' }
    const found = await grafana.find<FoundDashboard>(path, reading)
    const what = `dashboard ${dashboard.title}`
    const note = `${grafana.address}/d/${dashboard.uid}`
    if (found?.meta.provisioned === true) throw provisioned(what)
    if (found?.meta.folderUid === FOLDER && hasContent(found, dashboard)) {
      steps.push({ what, change: 'keep', note, apply: kept })
      continue
    }
    const body = {
      dashboard,
      folderUid: FOLDER,
      overwrite: true,
      message: 'npm run grafana -- --push'
    }
    const purpose =
      found === undefined
        ? { to: 'create a dashboard', permission: 'dashboards:create' }
        : { to: 'change a dashboard', permission: 'dashboards:write' }
    const apply = () => grafana.write('POST', '/api/dashboards/db', body, purpose)
    steps.push({ what, change: found === undefined ? 'create' : 'update', note, apply })
  }
  return steps
}

/** Grafana numbers a dashboard and its versions; newer ones may also rewrite it, which counts as another one. */
function hasContent(
  { dashboard: { id: _id, version: _version, ...found } }: FoundDashboard,
  wanted: object
) {
  return isDeepStrictEqual(found, wanted)
}

interface FoundGroup {
  readonly interval: number
  readonly rules: readonly AlertRule[]
}

const CONTACT_POINTS = '/api/v1/provisioning/contact-points'

/**
 * The contact point that posts alerts to an address; what else notifies of that name stays.
 * @throws SERVER_FAILED when its uid or name belongs to something else; what GrafanaHttp throws
 */
export async function contactPointStep(grafana: GrafanaHttp, webhook: Secret): Promise<Step> {
  const wanted = contactPoint(webhook)
  const all = await grafana.read<readonly ContactPoint[]>(CONTACT_POINTS, {
    to: 'read contact points',
    permission: 'alert.provisioning:read'
  })
  const found = all.find(({ uid }) => uid === wanted.uid)
  const namesake = all.find(({ name }) => name === wanted.name)
  if (found === undefined && namesake !== undefined) {
    throw notOurs(`contact point '${wanted.name}'`, `its uid is ${namesake.uid}`)
  }
  if (found !== undefined && (found.type !== wanted.type || found.name !== wanted.name)) {
    throw notOurs(
      `contact point with the uid ${wanted.uid}`,
      `it is ${found.name} of type ${found.type}`
    )
  }
  const what = `contact point ${wanted.name}`
  const note = `posts to ${new URL(webhook.reveal()).host}`
  if (found?.settings['url'] === wanted.settings['url']) {
    return { what, change: 'keep', note, apply: kept }
  }
  const purpose = { to: 'write contact points', permission: 'alert.provisioning:write' }
  const settings = { ...found?.settings, ...wanted.settings }
  return found === undefined
    ? {
        what,
        change: 'create',
        note,
        apply: () => grafana.write('POST', CONTACT_POINTS, wanted, purpose)
      }
    : {
        what,
        change: 'update',
        note,
        apply: () =>
          grafana.write('PUT', `${CONTACT_POINTS}/${wanted.uid}`, { ...wanted, settings }, purpose)
      }
}

/**
 * The group of alert rules; the rules in it are those of here and no others.
 * @param isFolderNew whether the folder does not exist yet, so that it has no rules
 * @param isPosted whether our contact point gets them; another one that somebody gave them stays unless so
 * @throws what GrafanaHttp throws
 */
export async function alertStep(
  grafana: GrafanaHttp,
  { isFolderNew, isPosted }: { readonly isFolderNew: boolean; readonly isPosted: boolean }
): Promise<Step> {
  const path = `/api/v1/provisioning/folder/${FOLDER}/rule-groups/${FOLDER}`
  const rules = alertRules(isPosted ? CONTACT_POINT : undefined)
  const what = `${rules.length} alert rules`
  const found = isFolderNew
    ? undefined
    : await grafana.find<FoundGroup>(path, {
        to: 'read alert rules',
        permission: 'alert.provisioning:read'
      })
  if (
    found?.interval === ALERT_INTERVAL_SECONDS &&
    isDeepStrictEqual(found.rules.map(comparable), rules.map(comparable)) &&
    found.rules.every(
      (rule) => (rule.notification_settings?.receiver === CONTACT_POINT) === isPosted
    )
  ) {
    return { what, change: 'keep', apply: kept }
  }
  const body = {
    title: FOLDER,
    folderUid: FOLDER,
    interval: ALERT_INTERVAL_SECONDS,
    // Grafana takes the organisation from the token, whatever stands here.
    rules: rules.map((rule) => ({ ...rule, orgID: 1, folderUID: FOLDER, ruleGroup: FOLDER }))
  }
  const purpose = { to: 'write alert rules', permission: 'alert.provisioning:write' }
  return {
    what,
    change: found === undefined ? 'create' : 'update',
    apply: () => grafana.write('PUT', path, body, purpose)
  }
}

interface RuleQuery {
  readonly refId: string
  readonly datasourceUid: string
  readonly relativeTimeRange?: object
  readonly model: Readonly<Record<string, unknown>>
}

/** A rule without what Grafana adds: ids, times, who wrote it, and two numbers in each query. */
function comparable(rule: AlertRule): object {
  const { uid, title, condition, noDataState, execErrState, annotations, labels, isPaused } = rule
  const data = (rule.data as readonly RuleQuery[]).map((query) => {
    const { refId, datasourceUid, relativeTimeRange } = query
    const { intervalMs: _interval, maxDataPoints: _points, ...model } = query.model
    return { refId, datasourceUid, relativeTimeRange, model }
  })
  const lasts = secondsOf(rule.for)
  return {
    uid,
    title,
    condition,
    noDataState,
    execErrState,
    annotations,
    labels,
    isPaused,
    data,
    lasts
  }
}

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800
}

/** Grafana gives `24h` back as `1d`. */
function secondsOf(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)([smhdw])/g)]
  return parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? NaN),
    0
  )
}

function notOurs(what: string, found: string): TapedeckError {
  return new TapedeckError(
    'SERVER_FAILED',
    `Grafana has a ${what} that is not tapedeck's: ${printable(found)}, expected none of that name\n` +
      '  rename or remove it in Grafana, then push again; nothing was changed'
  )
}

function provisioned(what: string): TapedeckError {
  return new TapedeckError(
    'SERVER_FAILED',
    `Grafana has its ${printable(what)} from a file of its provisioning folder, expected none there: Grafana lets nobody change it\n` +
      "  keep tapedeck's files there and do not push, or remove them and restart Grafana; nothing was changed"
  )
}
