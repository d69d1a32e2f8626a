import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Target } from './infinity-emulator.ts'
import { outerJoin, type Field, type Frame } from './infinity-emulator-frame.ts'

/** A committed dashboard, as far as the tests read it. */
export interface DashboardJson {
  readonly uid: string
  readonly title: string
  readonly editable: boolean
  readonly schemaVersion: number
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly timepicker: { readonly refresh_intervals: readonly string[] }
  readonly links: readonly {
    readonly url: string
    readonly keepTime: boolean
    readonly includeVars: boolean
  }[]
  readonly templating: { readonly list: readonly VariableJson[] }
  readonly annotations: { readonly list: readonly { readonly target: Target }[] }
  readonly panels: readonly PanelJson[]
}

interface VariableJson {
  readonly name: string
  readonly label?: string
  readonly type: string
  readonly refresh?: number
  readonly datasource?: { readonly uid: string }
  readonly current?: { readonly value: string }
  readonly options?: readonly { readonly value: string }[]
  readonly query: string | { readonly queryType: string; readonly infinityQuery: Target }
}

export interface PanelJson {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly datasource: { readonly uid: string }
  readonly targets: readonly (Target & { readonly datasource: { readonly uid: string } })[]
  readonly transformations?: readonly {
    readonly id: string
    readonly options: {
      readonly indexByName: Readonly<Record<string, number>>
      readonly renameByName: Readonly<Record<string, string>>
    }
  }[]
  readonly options: {
    readonly fields?: Readonly<Record<string, string>>
    readonly xField?: string
    readonly reduceOptions?: { readonly fields: string }
    readonly sortBy?: readonly { readonly displayName: string }[]
  }
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit?: string
      readonly noValue?: string
      readonly custom?: object
      readonly thresholds?: { readonly steps: readonly object[] }
    }
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value?: unknown }[]
    }[]
  }
}

const FOLDER = join(import.meta.dirname, '../../grafana/dashboards')

/** The dashboards that Grafana is given: every file below grafana/dashboards. */
export async function committedDashboards(): Promise<{ path: string; json: DashboardJson }[]> {
  const files = await readdir(FOLDER, { recursive: true })
  return Promise.all(
    files
      .filter((file) => file.endsWith('.json'))
      .toSorted()
      .map(async (path) => ({
        path,
        json: withoutRows(JSON.parse(await readFile(join(FOLDER, path), 'utf8')) as DashboardJson)
      }))
  )
}

/** A row is a heading: it asks for nothing. */
function withoutRows(dashboard: DashboardJson): DashboardJson {
  return { ...dashboard, panels: dashboard.panels.filter(({ type }) => type !== 'row') }
}

/**
 * Whether a panel could draw these frames; throws with what is wrong.
 * @returns what it shows: how many moments or rows
 */
export function drawPanel(panel: PanelJson, frames: readonly Frame[]): number {
  const filled = frames.filter(({ fields }) => fields.length > 0)
  if (filled.length === 0) return 0
  switch (panel.type) {
    case 'candlestick':
      return drawCandles(panel, outerJoin(filled))
    case 'timeseries':
      return drawSeries(panel, filled)
    case 'barchart':
      return drawBarChart(panel, filled)
    case 'stat':
      return drawStat(panel, filled)
    case 'table':
      return drawTable(panel, filled)
    default:
      throw new Error(`Panel '${panel.title}' is a ${panel.type}, which the tests cannot draw`)
  }
}

function drawCandles(panel: PanelJson, frame: Frame): number {
  const mapped = ['open', 'high', 'low', 'close', 'volume'].map((key) =>
    numberField(frame, panel.options.fields?.[key] ?? `the ${key} field, which is not mapped`)
  )
  const [open, high, low, close, volume] = mapped.map(({ values }) => values)
  let candles = 0
  frame.fields[0]?.values.forEach((moment, row) => {
    const prices = [open, high, low, close].map((values) => values?.[row] ?? null)
    // A moment of the forecast alone, or a window without a price-setting trade: no candle.
    if (prices.every((price) => price === null)) return
    const [o, h, l, c] = prices.map(Number) as [number, number, number, number]
    if (prices.includes(null))
      throw new Error(`The candle at ${moment} has no open, high, low or close`)
    if (h < Math.max(o, c) || l > Math.min(o, c)) {
      throw new Error(
        `The candle at ${moment} is ${o} ${h} ${l} ${c}, expected high and low outside`
      )
    }
    if (!(Number(volume?.[row] ?? 0) >= 0)) throw new Error(`The volume at ${moment} is negative`)
    candles += 1
  })
  return candles
}

function drawSeries(panel: PanelJson, frames: readonly Frame[]): number {
  for (const { fields } of frames) {
    if (!fields.some(({ type }) => type === 'time')) throw new Error(`'${panel.title}' has no time`)
    const text = fields.find(({ type }) => type !== 'time' && type !== 'number')
    if (text !== undefined) throw new Error(`'${panel.title}' has text in '${text.name}'`)
  }
  return frames.reduce((most, { fields }) => Math.max(most, fields[0]?.values.length ?? 0), 0)
}

/** Categories along one axis, numbers along the other. */
function drawBarChart(panel: PanelJson, frames: readonly Frame[]): number {
  const [frame, ...more] = frames
  if (frame === undefined || more.length > 0) throw new Error(`'${panel.title}' has several frames`)
  const names = frame.fields.find(({ name }) => name === panel.options.xField)
  if (names?.type !== 'string') throw new Error(`'${panel.title}' has no text for its categories`)
  const rest = frame.fields.filter((field) => field !== names)
  const other = rest.find(({ type }) => type !== 'number')
  if (rest.length === 0 || other !== undefined) {
    throw new Error(`'${panel.title}' has ${other?.name ?? 'nothing'} beside its categories`)
  }
  return names.values.length
}

function drawStat(panel: PanelJson, frames: readonly Frame[]): number {
  const wanted = panel.options.reduceOptions?.fields ?? ''
  const pattern = wanted === '' ? undefined : new RegExp(wanted.slice(1, -1))
  const fields = frames
    .flatMap((frame) => frame.fields)
    .filter(({ name, type }) => (pattern === undefined ? type === 'number' : pattern.test(name)))
  if (fields.length === 0) throw new Error(`'${panel.title}' has no field to show`)
  const shown = fields.map(({ name, values }) => ({
    name,
    value: values.findLast((value) => value !== null)
  }))
  return shown.filter(({ value }) => value !== undefined).length
}

function drawTable(panel: PanelJson, frames: readonly Frame[]): number {
  const names = new Set(frames.flatMap(({ fields }) => fields.map(({ name }) => name)))
  for (const { options } of panel.transformations ?? []) {
    const missing = Object.keys(options.indexByName).find((name) => !names.has(name))
    if (missing !== undefined) throw new Error(`'${panel.title}' arranges '${missing}', not there`)
  }
  return frames[0]?.fields[0]?.values.length ?? 0
}

function numberField(frame: Frame, name: string): Field {
  const field = frame.fields.find((one) => one.name === name)
  if (field?.type !== 'number') throw new Error(`No number column for ${name}`)
  return field
}
