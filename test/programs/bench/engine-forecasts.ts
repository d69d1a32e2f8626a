import { performance } from 'node:perf_hooks'
import {
  FORECAST_MODELS,
  ForecastEngine,
  type ChangedSeries,
  type FinalBar,
  type ForecastSpec
} from '@tapedeck/domain'
import { wholeNumbers } from '../../support/random-numbers.ts'
import type { MeasureOptions } from './measure.ts'

export interface ForecastRow {
  readonly symbols: number
  /** Bars taken in, symbol after symbol in turn. */
  readonly bars: number
  /** CPU time of the process, median over the rounds: a bar resolves and makes one of each model. */
  readonly nsPerBar: number
  readonly minNs: number
  readonly maxNs: number
  readonly nsPerForecast: number
  readonly wallNs: number
}

const SPEC: ForecastSpec = { timeframe: '1m', lookback: 60, horizon: 5 }
const SYMBOLS: readonly number[] = [1, 10, 100, 1000]
const MINUTE_MS = 60_000
/** 2026-03-10, on which every symbol trades round the clock: no session ends a series. */
const START_MS = Date.UTC(2026, 2, 10)
/** Each symbol has at least so many, whatever the number of symbols. */
const LEAST_BARS = 120

/**
 * What forecasting costs: final bars of many symbols in turn through one engine, three models, each bar
 * resolving the forecasts of five bars before and making three. Documents and writes are not in it.
 * Every symbol has the same prices, so each must end with the same scores, however many there are.
 * The last and longest row has no warm-ups: the code is compiled by then.
 */
export function measureForecasts(
  bars: number,
  { rounds, warmUps, collectGarbage, onRun }: MeasureOptions,
  problems: string[]
): ForecastRow[] {
  return SYMBOLS.map((symbols, row) => {
    const each = Math.max(LEAST_BARS, Math.round(bars / symbols))
    const expected = scoresAlone(each)
    const input = barsOf(symbols, each)
    const cpuNs: number[] = []
    const wallNs: number[] = []
    for (let round = row < SYMBOLS.length - 1 ? 1 - warmUps : 1; round <= rounds; round++) {
      collectGarbage()
      const cpu = process.cpuUsage()
      const startedMs = performance.now()
      const series = play(input)
      const wall = ((performance.now() - startedMs) * 1e6) / input.length
      const { user, system } = process.cpuUsage(cpu)
      const ns = ((user + system) * 1000) / input.length
      onRun?.(`forecasts of ${symbols} symbols`, round, ns)
      if (round > 0) {
        cpuNs.push(ns)
        wallNs.push(wall)
      }
      const others = [...series.values()].filter((one) => scoresOf(one) !== expected)
      if (others.length > 0 || series.size !== symbols) {
        problems.push(`forecasts of ${symbols} symbols: ${others.length} have other scores`)
      }
    }
    cpuNs.sort((a, b) => a - b)
    const nsPerBar = cpuNs[cpuNs.length >> 1] ?? NaN
    return {
      symbols,
      bars: input.length,
      nsPerBar: Math.round(nsPerBar),
      minNs: Math.round(cpuNs[0] ?? NaN),
      maxNs: Math.round(cpuNs.at(-1) ?? NaN),
      nsPerForecast: Math.round(nsPerBar / FORECAST_MODELS.length),
      wallNs: Math.round(wallNs.sort((a, b) => a - b)[wallNs.length >> 1] ?? NaN)
    }
  })
}

/** One bar an advance, as it is when bars become final one by one. */
function play(bars: readonly FinalBar[]): Map<string, ChangedSeries> {
  const engine = new ForecastEngine([SPEC])
  const series = new Map<string, ChangedSeries>()
  for (const bar of bars) {
    const one = [bar]
    for (let asked = engine.missing(one); asked.length > 0; asked = engine.missing(one)) {
      engine.adopt(asked.map((request) => ({ request, state: null, bars: [], entries: [] })))
    }
    // The watermark stays behind: other symbols' bars of the same minute are still to come.
    const { series: changed } = engine.advance({ bars: one, watermarkMs: bar.startMs, nowMs: 0 })
    for (const each of changed) series.set(each.id, each)
  }
  return series
}

function barsOf(symbols: number, each: number): FinalBar[] {
  const next = wholeNumbers(1)
  let cents = 6_000_000
  const closes = Array.from({ length: each }, () => {
    cents += next(41) - 20
    return cents / 100
  })
  return closes.flatMap((close, index) =>
    Array.from({ length: symbols }, (_, symbol) => {
      const startMs = START_MS + index * MINUTE_MS
      return {
        symbol: `BENCH:S${symbol}`,
        timeframe: SPEC.timeframe,
        startMs,
        endMs: startMs + MINUTE_MS,
        close,
        session: 'continuous',
        tradeDate: new Date(startMs).toISOString().slice(0, 10),
        coverage: 1,
        feed: 'bench',
        revision: 0
      }
    })
  )
}

function scoresAlone(each: number): string {
  const [only] = play(barsOf(1, each)).values()
  return only === undefined ? '' : scoresOf(only)
}

function scoresOf(series: ChangedSeries): string {
  return JSON.stringify([...series.scores()])
}
