import type { Bar } from './bar.ts'
import { forecastLine, type LineForecast } from './regression.ts'
import { sessionAt, tradingDateAt } from './sessions.ts'
import { lengthOf, windowSpec, type Timeframe } from './timeframe.ts'
import { windowAt } from './window.ts'

export const FORECAST_MODEL = 'linear-regression'
const HORIZON = 1

/** A forecast of the close of one bar, made from final bars before it; times are epoch ms. */
export interface Forecast extends LineForecast {
  readonly id: string
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly horizon: number
  readonly model: string
  readonly targetMs: number
  readonly targetEndMs: number
  readonly madeFromMs: number
  /** The close it was made from: the naive forecast, "the price stays put". */
  readonly lastClose: number
  readonly lookback: number
  readonly feed: string
  readonly status: 'open' | 'scored' | 'void'
  readonly reason: string | null
  readonly actual: number | null
  /** Wall clock when it was made; processing time, no part of the result. */
  readonly createdAtMs: number
}

/** A final bar as the forecasts need it. */
export interface ClosedBar {
  readonly startMs: number
  readonly close: number
  readonly session: string
  readonly tradeDate: string
}

/** What the store must give back for one symbol and timeframe after a restart. */
export interface ForecastHistory {
  readonly symbol: string
  readonly timeframe: Timeframe
  /** Final bars before the moment asked for, ascending, at most the lookback. */
  readonly bars: readonly ClosedBar[]
  /** The forecast still open, if there is one. */
  readonly open: Forecast | undefined
}

export interface HistoryRequest {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly beforeMs: number
}

interface Series {
  bars: ClosedBar[]
  open: Forecast | undefined
}

/**
 * Forecasts the close of the next bar of every symbol and timeframe by a line through the closes of
 * the last final bars, and settles each forecast when its target is final.
 *
 * Never across a session break: only bars of the target's own trading date and session are used
 * (the trading-day timeframe uses days). Pure; after a restart it asks for history by `missing`.
 */
export class ForecastBook {
  readonly #lookback: number
  readonly #series = new Map<string, Series>()

  constructor(lookback: number) {
    this.#lookback = lookback
  }

  /** What must be handed to `adopt` before `advance` may take these bars. */
  missing(finals: readonly Bar[]): HistoryRequest[] {
    const requests = new Map<string, HistoryRequest>()
    for (const { symbol, timeframe, startMs } of finals) {
      if (!isForecast(timeframe)) continue
      const key = `${symbol}|${timeframe}`
      if (this.#series.has(key) || requests.has(key)) continue
      requests.set(key, { symbol, timeframe, beforeMs: startMs })
    }
    return [...requests.values()]
  }

  adopt({ symbol, timeframe, bars, open }: ForecastHistory): void {
    this.#series.set(`${symbol}|${timeframe}`, { bars: [...bars], open })
  }

  /**
   * Takes newly final bars, ascending. Answers the forecasts made by them (settled already when their
   * target is among them) and those made before and settled now.
   * @param nowMs wall clock, kept as the time of making
   */
  advance(finals: readonly Bar[], nowMs: number): { made: Forecast[]; settled: Forecast[] } {
    const madeById = new Map<string, Forecast>()
    const settledBefore: Forecast[] = []
    for (const bar of finals) {
      if (!isForecast(bar.timeframe)) continue
      const { close } = bar.tally
      if (close === null) continue
      const series = this.#seriesOf(bar)
      const settled = settle(series.open, bar.startMs, close)
      if (settled !== undefined) {
        if (madeById.has(settled.id)) madeById.set(settled.id, settled)
        else settledBefore.push(settled)
        series.open = undefined
      }
      const made = this.#next(series, bar, close, nowMs)
      if (made !== undefined) {
        madeById.set(made.id, made)
        series.open = made
      }
    }
    return { made: [...madeById.values()], settled: settledBefore }
  }

  #seriesOf({ symbol, timeframe }: Bar): Series {
    const key = `${symbol}|${timeframe}`
    const found = this.#series.get(key)
    if (found !== undefined) return found
    const created = { bars: [], open: undefined }
    this.#series.set(key, created)
    return created
  }

  #next(series: Series, bar: Bar, close: number, nowMs: number): Forecast | undefined {
    const { symbol, timeframe, startMs, endMs } = bar
    const newest = series.bars.at(-1)
    if (newest !== undefined && newest.startMs >= startMs) return undefined
    const { tradeDate } = tradingDateAt(symbol, startMs)
    const closed: ClosedBar = { startMs, close, session: bar.tally.session, tradeDate }
    if (newest !== undefined && !continues(timeframe, newest, closed)) series.bars = []
    series.bars.push(closed)
    if (series.bars.length > this.#lookback) series.bars.shift()

    const target = windowAt(symbol, timeframe, endMs)
    if (timeframe !== '1d' && !sameSession(symbol, closed, endMs)) return undefined
    const points = series.bars.map(({ startMs: atMs, close: y }, index) => ({
      x:
        timeframe === '1d'
          ? index - (series.bars.length - 1)
          : (atMs - startMs) / (lengthOf(timeframe) ?? 1),
      y
    }))
    const line = forecastLine(points, HORIZON)
    if (line === undefined) return undefined
    return {
      ...line,
      id: `${symbol}|${timeframe}|${target.startMs}|${HORIZON}|${FORECAST_MODEL}`,
      symbol,
      timeframe,
      horizon: HORIZON,
      model: FORECAST_MODEL,
      targetMs: target.startMs,
      targetEndMs: target.endMs,
      madeFromMs: startMs,
      lastClose: close,
      lookback: this.#lookback,
      feed: bar.tally.feed,
      status: 'open',
      reason: null,
      actual: null,
      createdAtMs: nowMs
    }
  }
}

/** Windows that follow each other without overlap. */
function isForecast(timeframe: Timeframe): boolean {
  const { kind } = windowSpec(timeframe)
  return kind === 'tumbling' || kind === 'trading day'
}

/** The open forecast with its outcome, once a bar at or after its target is final. */
function settle(open: Forecast | undefined, startMs: number, close: number): Forecast | undefined {
  if (open === undefined || startMs < open.targetMs) return undefined
  if (startMs === open.targetMs) return { ...open, status: 'scored', actual: close }
  return { ...open, status: 'void', reason: 'no trade in the target bar' }
}

function continues(timeframe: Timeframe, before: ClosedBar, bar: ClosedBar): boolean {
  if (timeframe === '1d') return true
  return before.session === bar.session && before.tradeDate === bar.tradeDate
}

function sameSession(symbol: string, bar: ClosedBar, targetMs: number): boolean {
  const date = tradingDateAt(symbol, targetMs)
  return date.tradeDate === bar.tradeDate && sessionAt(symbol, date, targetMs) === bar.session
}
