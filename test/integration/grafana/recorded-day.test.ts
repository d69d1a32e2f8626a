import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { buildApi, databaseReader, LiveHub, readConfig } from '@tapedeck/api/testing'
import { systemClock } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { parse } from 'yaml'
import {
  measureTarget,
  runTarget,
  runVariable,
  urlOf,
  type EmulatedSource,
  type Target
} from '../../support/infinity-emulator.ts'
import type { Frame } from '../../support/infinity-emulator-frame.ts'
import {
  committedDashboards,
  drawPanel,
  type DashboardJson
} from '../../support/infinity-emulator-panels.ts'
import { OwnScope } from '../../support/scope.ts'
import { until } from '../../support/until.ts'
import { anHourOfMeasures } from './an-hour-of-measures.ts'
import {
  CRYPTO_SYMBOL,
  NEW,
  QUIET,
  RECORDED,
  replayDay,
  skip,
  TIMEFRAMES,
  UNKNOWN,
  type RecordedDay
} from './recorded-day.ts'

// Goal: whatever is chosen at the top of a dashboard, each of its queries is answered in a form that Grafana can draw.
// Method: a recorded day through broker, consumer, database and api; every query of the committed dashboards and alert
// rules through the emulation of the data source.

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SYMBOLS = [RECORDED, QUIET, NEW, CRYPTO_SYMBOL, UNKNOWN]
const RANGES_MS = [
  5 * MINUTE_MS,
  HOUR_MS,
  6 * HOUR_MS,
  24 * HOUR_MS,
  7 * 24 * HOUR_MS,
  30 * 24 * HOUR_MS
]
const MODEL = 'linear-regression'
/** Most rows of a query that has a time. */
const MOST_ROWS = 1500
/** Requests at one time. */
const SIDE_BY_SIDE = 4
/** What a refresh of a dashboard may cost the browser, bytes. */
const REFRESH_BYTES = 150 * 1024
/** How far the dashboards look ahead, for forecasts. */
const AHEAD_MS = 3 * MINUTE_MS

/** The day before is not recorded, and no trade of the day is kept out of bars. */
const NOTHING_OF = new Set(['Change on the day', 'Kept out of bars, by age'])

const dashboards = await committedDashboards()

interface Choice {
  readonly symbol: string
  readonly timeframe: string
  readonly rangeMs: number
}

describe('dashboards over a recorded day', { skip, timeout: 300_000 }, () => {
  const scope = new OwnScope()
  let day: RecordedDay
  let baseUrl = ''
  /** Of each symbol and timeframe. */
  const horizons = new Map<string, readonly string[]>()

  before(async () => {
    day = await replayDay(scope)
    baseUrl = await serveApi(day)
  })
  after(() => scope.end())

  const sourceOf = ({ symbol, timeframe, rangeMs }: Choice): EmulatedSource => ({
    baseUrl,
    variables: {
      symbol,
      timeframe,
      horizon: horizons.get(`${symbol} ${timeframe}`)?.at(-1) ?? '1',
      model: MODEL
    },
    fromMs: day.endMs - rangeMs,
    toMs: day.endMs + AHEAD_MS
  })

  it('offers symbols that are followed or were seen, the timeframes that are made, and horizons for each', async () => {
    for (const { json } of dashboards) {
      const known = await runVariable(variableOf(json, 'symbol'), sourceOf(choice()))
      assert.deepEqual(known.toSorted(), [RECORDED, QUIET, NEW, CRYPTO_SYMBOL].toSorted())
      for (const symbol of SYMBOLS) {
        for (const timeframe of await timeframesOf(json)) {
          const source = sourceOf(choice({ symbol, timeframe }))
          const offered = await runVariable(variableOf(json, 'horizon'), source)
          assert.ok(offered.length > 0, `${symbol} ${timeframe}`)
          horizons.set(`${symbol} ${timeframe}`, offered)
        }
      }
    }
    assert.deepEqual(horizons.get(`${RECORDED} 1m`), ['1', '5'])
    const made = await timeframesOf(dashboards[0]!.json)
    assert.deepEqual(new Set(made), new Set(['auto', ...TIMEFRAMES.split(',')]))
  })

  for (const { json: dashboard } of dashboards) {
    it(`${dashboard.title}: every query of every panel can be drawn for each symbol, timeframe and range`, async (t) => {
      const answers = new Map<string, Promise<Frame>>()
      const answerOf = (target: Target, source: EmulatedSource): Promise<Frame> => {
        // A panel that does not depend on a choice is asked once.
        const key = `${target.format} ${target.root_selector} ${urlOf(target, source)}`
        const found = answers.get(key) ?? runTarget(target, source)
        answers.set(key, found)
        return found
      }
      const wrong: string[] = []
      await inTurns(choicesOf(await timeframesOf(dashboard)), async (chosen) => {
        for (const panel of dashboard.panels) {
          const name = `${panel.title}, ${chosen.symbol} ${chosen.timeframe} ${chosen.rangeMs / MINUTE_MS} min`
          try {
            const frames: Frame[] = []
            for (const target of panel.targets) {
              frames.push(await answerOf(target, sourceOf(chosen)))
            }
            drawPanel(panel, frames)
            const rows = Math.max(...frames.map(({ fields }) => fields[0]?.values.length ?? 0))
            if (rows > MOST_ROWS) wrong.push(`${name}: ${rows} rows`)
          } catch (error) {
            wrong.push(`${name}: ${String(error)}`)
          }
        }
      })
      t.diagnostic(`${answers.size} different queries`)
      assert.deepEqual(wrong, [])
    })

    it(`${dashboard.title}: every annotation is a list of stretches with a text`, async () => {
      for (const { target } of dashboard.annotations.list) {
        for (const symbol of SYMBOLS) {
          for (const rangeMs of RANGES_MS) {
            const { fields } = await runTarget(target, sourceOf(choice({ symbol, rangeMs })))
            const names = fields.map(({ name }) => name)
            if (fields.length > 0) assert.ok(names.includes('time') && names.includes('text'))
          }
        }
      }
    })

    it(`${dashboard.title}: a refresh costs less than 150 KiB with a full hour of data`, async (t) => {
      const openMs = day.reference.find(({ count }) => count > 300)!.startMs
      const hour = {
        ...sourceOf(choice()),
        // What is measured while the api runs is of now, trades are of the day.
        ...(dashboard.title === 'Pipeline'
          ? { fromMs: Date.now() - HOUR_MS, toMs: Date.now() + AHEAD_MS }
          : { fromMs: openMs, toMs: openMs + HOUR_MS + AHEAD_MS })
      }
      let bytes = 0
      for (const panel of dashboard.panels) {
        const frames: Frame[] = []
        for (const target of panel.targets) {
          const measured = await measureTarget(target, hour)
          bytes += measured.bytes
          frames.push(measured.frame)
        }
        const isThere = drawPanel(panel, frames) > 0
        assert.equal(isThere, !NOTHING_OF.has(panel.title), panel.title)
      }
      t.diagnostic(`${(bytes / 1024).toFixed(1)} KiB a refresh`)
      assert.ok(bytes < REFRESH_BYTES, `${bytes} bytes`)
    })
  }

  it('candles are the bars that were computed apart from the pipeline', async () => {
    const computed = day.reference.map((bar) => [
      bar.startMs,
      bar.open,
      bar.high,
      bar.low,
      bar.close,
      bar.volume
    ])
    assert.deepEqual(await candlesOf('1m'), computed)
  })

  it('hopping candles are five minutes each, one from each minute on', async () => {
    const minutes = new Map(day.reference.map((bar) => [bar.startMs, bar]))
    const starts = day.reference.flatMap(({ startMs }) =>
      [4, 3, 2, 1, 0].map((hop) => startMs - hop * MINUTE_MS)
    )
    const merged = [...new Set(starts)]
      .toSorted((a, b) => a - b)
      .map((startMs) => {
        const inside = [0, 1, 2, 3, 4].flatMap(
          (hop) => minutes.get(startMs + hop * MINUTE_MS) ?? []
        )
        return [
          startMs,
          inside[0]!.open,
          Math.max(...inside.map(({ high }) => high)),
          Math.min(...inside.map(({ low }) => low)),
          inside.at(-1)!.close,
          inside.reduce((sum, { volume }) => sum + volume, 0)
        ]
      })
    assert.deepEqual(await candlesOf('5m/1m'), merged)
  })

  it('candles of activity bars are a hundred trades each in the order of the feed, the newest 1500, where the first of them stands', async () => {
    const chunks = Array.from({ length: Math.ceil(day.trades.length / 100) }, (_, at) =>
      day.trades.slice(at * 100, (at + 1) * 100)
    )
    const computed = chunks.map((inside) => {
      const prices = inside.map(({ p }) => p)
      const volume = inside.reduce((sum, { v }) => sum + v, 0)
      const [open, close] = [prices[0], prices.at(-1)]
      return [inside[0]!.t, open, Math.max(...prices), Math.min(...prices), close, volume]
    })
    assert.deepEqual(await candlesOf('100t'), computed.slice(-MOST_ROWS))
  })

  /** What the price panel of Market draws of the recorded day. */
  async function candlesOf(timeframe: string): Promise<unknown[][]> {
    const { panels } = dashboards.find(({ json }) => json.title === 'Market')!.json
    const { targets } = panels.find(({ type }) => type === 'candlestick')!
    const { fields } = await runTarget(targets[0]!, sourceOf(choice({ timeframe })))
    const of = (name: string) => fields.find((field) => field.name === name)?.values ?? []
    return of('time')
      .map((time, row) => [
        time,
        ...['open', 'high', 'low', 'close', 'volume'].map((one) => of(one)[row])
      ])
      .filter(([, open]) => open !== null)
  }

  function timeframesOf(dashboard: DashboardJson): Promise<readonly string[]> {
    return runVariable(variableOf(dashboard, 'timeframe'), sourceOf(choice()))
  }

  it('alert rules get rows of one label and one number', async () => {
    const file = new URL('../../../grafana/provisioning/alerting/rules.yaml', import.meta.url)
    const { groups } = parse(await readFile(file, 'utf8')) as {
      groups: { rules: { uid: string; data: [{ model: Target }] }[] }[]
    }
    for (const { uid, data } of groups.flatMap(({ rules }) => rules)) {
      const { fields } = await runTarget(data[0].model, sourceOf(choice()))
      const types = fields.map(({ name, type }) => `${name}: ${type}`)
      if (types.length > 0) assert.deepEqual(types, ['label: string', 'value: number'], uid)
    }
  })

  /** The api with the stream, and an hour of measures of each service. */
  async function serveApi({ market }: RecordedDay): Promise<string> {
    const { context, stop } = createContext(createLogger('api', 'silent'))
    scope.after(async () => {
      stop()
      await context.close()
    })
    const SYMBOLS_SET = [RECORDED, QUIET, NEW, CRYPTO_SYMBOL].join(',')
    const config = readConfig({ ...market.env, API_PORT: '0', SYMBOLS: SYMBOLS_SET, TIMEFRAMES })
    const hub = new LiveHub(config.stream!, context, systemClock)
    const flow = await anHourOfMeasures()
    const app = buildApi(
      { reader: databaseReader(config.mongo, context), context, hub, flow },
      config
    )
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    context.defer(() => app.close())
    hub.start()
    await until('the api is ready', async () => {
      const answer = await fetch(`${url}/readyz`)
      return answer.status === 200 && !(await answer.text()).includes('does not read the broker')
    })
    return url
  }
})

function choice(given: Partial<Choice> = {}): Choice {
  return { symbol: RECORDED, timeframe: '1m', rangeMs: 24 * HOUR_MS, ...given }
}

/** Of the recorded symbol each timeframe with each range; of the others each timeframe over a day, and each range by the minute. */
function choicesOf(timeframes: readonly string[]): Choice[] {
  return SYMBOLS.flatMap((symbol) =>
    symbol === RECORDED
      ? timeframes.flatMap((timeframe) =>
          RANGES_MS.map((rangeMs) => choice({ timeframe, rangeMs }))
        )
      : [
          ...timeframes.map((timeframe) => choice({ symbol, timeframe })),
          ...RANGES_MS.map((rangeMs) => choice({ symbol, rangeMs }))
        ]
  )
}

function variableOf({ templating }: DashboardJson, wanted: string): Target {
  const { query } = templating.list.find(({ name }) => name === wanted) ?? {}
  assert.ok(typeof query === 'object', wanted)
  return query.infinityQuery
}

async function inTurns<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = list.values()
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      for (const one of left) await work(one)
    })
  )
}
