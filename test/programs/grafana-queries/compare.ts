import { messageOf, TapedeckError } from '@tapedeck/core'
import type { GrafanaHttp } from '@tapedeck/grafana'
import { isDeepStrictEqual } from 'node:util'
import { runTarget, runVariable, type Target } from '../../support/infinity-emulator.ts'
import type { DashboardJson } from '../../support/infinity-emulator-panels.ts'
import { columnsByGrafana, type Column, type GrafanaQuery } from './query-api.ts'

/** A provisioned alert rule, as far as it asks the data source; its times are seconds before now. */
export interface AlertRule {
  readonly title: string
  readonly data: readonly [
    {
      readonly relativeTimeRange: { readonly from: number; readonly to: number }
      readonly model: Target
    },
    ...unknown[]
  ]
}

export interface Comparison {
  readonly grafana: GrafanaHttp
  /** The api, which the emulator asks itself. */
  readonly api: { readonly baseUrl: string; readonly headers?: Readonly<Record<string, string>> }
  readonly dashboards: readonly DashboardJson[]
  readonly rules: readonly AlertRule[]
  /** The first of the list when undefined. */
  readonly symbol: string | undefined
  readonly nowMs: number
}

export interface Compared {
  /** Different queries that Grafana was asked. */
  readonly asked: number
  /** Those without rows, in Grafana as in the emulator. */
  readonly empty: number
  /** What differs, one line a query. */
  readonly wrong: readonly string[]
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** The range with which the dashboards open. */
const OPENED = { beforeMs: HOUR_MS, aheadMs: 3 * MINUTE_MS }

/**
 * Asks a Grafana each different query of panels, variables, annotations and alert rules, with each timeframe that the
 * dashboards offer, and the emulator the same.
 *
 * @throws TapedeckError when Grafana or the api can be asked nothing at all
 */
export async function compareQueries(comparison: Comparison): Promise<Compared> {
  const seen = new Set<string>()
  const wrong: string[] = []
  let empty = 0
  for await (const query of queriesOf(comparison)) {
    const { target, variables, fromMs, toMs } = query
    const used = JSON.stringify(target).match(/\$\{(?!__)\w+/g) ?? []
    const values = used.map((name) => variables[name.slice(2)])
    const key = JSON.stringify([target, values, fromMs, toMs])
    if (seen.has(key)) continue
    seen.add(key)
    const problem = await problemOf(comparison, query)
    if (problem === 'empty') empty += 1
    else if (problem !== undefined) wrong.push(`${query.name}: ${problem}`)
  }
  return { asked: seen.size, empty, wrong }
}

async function* queriesOf({
  api,
  dashboards,
  rules,
  symbol: wanted,
  nowMs
}: Comparison): AsyncGenerator<GrafanaQuery> {
  const range = { fromMs: nowMs - OPENED.beforeMs, toMs: nowMs + OPENED.aheadMs }
  for (const { title, templating, annotations, panels } of dashboards) {
    const listed = async (name: string, variables: Record<string, string>) => {
      const { query } = templating.list.find((one) => one.name === name) ?? {}
      if (typeof query !== 'object') throw new Error(`${title} has no query variable '${name}'`)
      const target = query.infinityQuery
      const asked = { name: `${title}, variable ${name}`, target, variables, ...range }
      return { asked, values: await runVariable(target, { ...api, variables, ...range }) }
    }
    const symbols = await listed('symbol', {})
    yield symbols.asked
    const symbol = wanted ?? symbols.values[0] ?? ''
    const timeframes = await listed('timeframe', { symbol })
    yield timeframes.asked
    const model = templating.list.find(({ name }) => name === 'model')?.current?.value ?? ''
    for (const timeframe of timeframes.values) {
      const horizons = await listed('horizon', { symbol, timeframe })
      yield horizons.asked
      const variables = { symbol, timeframe, model, horizon: horizons.values[0] ?? '' }
      const of = `${symbol} ${timeframe}`
      for (const panel of panels) {
        for (const target of panel.targets) {
          yield { name: `${title}, ${panel.title}, ${of}`, target, variables, ...range }
        }
      }
      for (const { target } of annotations.list) {
        yield { name: `${title}, marks ${target.refId}, ${of}`, target, variables, ...range }
      }
    }
  }
  for (const { title, data } of rules) {
    const [{ relativeTimeRange: back, model: target }] = data
    const [fromMs, toMs] = [back.from, back.to].map((seconds) => nowMs - seconds * 1000)
    yield { name: `alert rule ${title}`, target, variables: {}, fromMs: fromMs!, toMs: toMs! }
  }
}

/** What is wrong with the answer to a query; 'empty' when neither has rows, undefined when both have the same columns. */
async function problemOf(
  { grafana, api }: Comparison,
  query: GrafanaQuery
): Promise<string | undefined> {
  const { target, variables, fromMs, toMs } = query
  const emulated = async (): Promise<readonly Column[]> => {
    const { fields } = await runTarget(target, { ...api, variables, fromMs, toMs })
    return fields.map(({ name, type }) => `${name}: ${type}`).toSorted()
  }
  try {
    let expected = await emulated()
    const found = await columnsByGrafana(grafana, query)
    // A first row may have come between the two.
    if (found.length > 0 && expected.length === 0) expected = await emulated()
    if (!isDeepStrictEqual(found, expected)) {
      return `columns ${listOf(found)} found, expected ${listOf(expected)}`
    }
    return found.length === 0 ? 'empty' : undefined
  } catch (error) {
    if (error instanceof TapedeckError) throw error
    return messageOf(error)
  }
}

function listOf(columns: readonly Column[]): string {
  return columns.length === 0 ? 'none' : columns.join(', ')
}
