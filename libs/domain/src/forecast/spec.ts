import { Problems, type Variable } from '@tapedeck/core'
import { sessionAt, tradingDateAt } from '../sessions.ts'
import { timeframeProblem, windowSpec, type Timeframe } from '../bars/window.ts'

/** One kind of forecast: from the last `lookback` closes, `horizon` bars ahead. */
export interface ForecastSpec {
  readonly timeframe: Timeframe
  readonly lookback: number
  readonly horizon: number
}

const MIN_LOOKBACK = 3
const MAX_LOOKBACK = 1000
export const MAX_HORIZON = 1000
export const DEFAULT_FORECASTS: readonly ForecastSpec[] = [
  { timeframe: '1m', lookback: 20, horizon: 1 },
  { timeframe: '1m', lookback: 60, horizon: 5 },
  { timeframe: '5s', lookback: 60, horizon: 12 }
]

/** The text form of a forecast: timeframe:lookback:horizon. */
export function specName({ timeframe, lookback, horizon }: ForecastSpec): string {
  return `${timeframe}:${lookback}:${horizon}`
}

const SHAPE = /^([^:]+):(\d+):(\d+)$/

/**
 * A list such as 1m:20:1,1m:60:5 (timeframe:lookback:horizon); every bad entry is named. Two entries
 * with the same timeframe and horizon would write the same forecasts, so the second is refused.
 */
export function forecastsVariable(): Variable<readonly ForecastSpec[]> {
  return {
    fallback: DEFAULT_FORECASTS,
    required: true,
    secret: false,
    shown: DEFAULT_FORECASTS.map(specName).join(','),
    about: 'Forecasts to make, each `timeframe:closes looked back:bars ahead`',
    expected: 'a list of timeframe:lookback:horizon such as 1m:20:1,1m:60:5',
    parse(found) {
      const problems: string[] = []
      const specs = new Map<string, ForecastSpec>()
      for (const entry of found.split(',').map((part) => part.trim())) {
        const spec = specOf(entry)
        if (typeof spec === 'string') {
          problems.push(spec)
          continue
        }
        const key = `${spec.timeframe}:${spec.horizon}`
        if (specs.has(key)) {
          problems.push(
            `'${entry}' repeats timeframe ${spec.timeframe} and horizon ${spec.horizon}, expected each once`
          )
        } else specs.set(key, spec)
      }
      if (problems.length > 0) throw new Problems(problems)
      return [...specs.values()]
    }
  }
}

function specOf(entry: string): ForecastSpec | string {
  const [, timeframe, lookbackText, horizonText] = SHAPE.exec(entry) ?? []
  if (timeframe === undefined) {
    return `'${entry}' is no forecast, expected timeframe:lookback:horizon such as 1m:20:1`
  }
  if (!isForecastable(timeframe)) {
    return `'${entry}' has timeframe '${timeframe}', expected one such as 5s, 1m, 1h or 1d`
  }
  const lookback = Number(lookbackText)
  const horizon = Number(horizonText)
  if (lookback < MIN_LOOKBACK || lookback > MAX_LOOKBACK) {
    return `'${entry}' has lookback ${lookback}, expected ${MIN_LOOKBACK} to ${MAX_LOOKBACK}`
  }
  if (horizon < 1 || horizon > MAX_HORIZON) {
    return `'${entry}' has horizon ${horizon}, expected 1 to ${MAX_HORIZON}`
  }
  return { timeframe, lookback, horizon }
}

/** Whether bars of the timeframe can be counted ahead: windows of one length, or trading days. */
function isForecastable(timeframe: string): boolean {
  if (timeframeProblem(timeframe) !== undefined) return false
  return timeframe === '1d' || windowLengthMs(timeframe) !== undefined
}

/** Length of a tumbling window; undefined for other kinds. @throws RangeError for an unknown name */
export function windowLengthMs(timeframe: Timeframe): number | undefined {
  const spec = windowSpec(timeframe)
  return spec.kind === 'tumbling' ? spec.lengthMs : undefined
}

/** The series of a symbol's forecasts: `<symbol>|<timeframe>|<horizon>`. */
export function seriesId(symbol: string, timeframe: Timeframe, horizon: number): string {
  return `${symbol}|${timeframe}|${horizon}`
}

/** The parts of an id that `seriesId` made. */
export function seriesOfId(id: string): {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly horizon: number
} {
  const [horizon = '', timeframe = '', ...symbol] = id.split('|').toReversed()
  return { symbol: symbol.toReversed().join('|'), timeframe, horizon: Number(horizon) }
}

/** The bar whose close is forecast, [startMs, endMs) in epoch ms. */
export interface TargetWindow {
  readonly startMs: number
  readonly endMs: number
}

/**
 * The bar `horizon` bars after the given one: windows on the clock for tumbling timeframes, trading
 * dates for `1d` (weekends and holidays are no bars); undefined for other timeframes.
 */
export function targetWindow(
  symbol: string,
  timeframe: Timeframe,
  { startMs, endMs }: TargetWindow,
  horizon: number
): TargetWindow | undefined {
  if (timeframe === '1d') {
    let target: TargetWindow = { startMs, endMs }
    for (let step = 0; step < horizon; step++) target = tradingDateAt(symbol, target.endMs)
    return { startMs: target.startMs, endMs: target.endMs }
  }
  const lengthMs = windowLengthMs(timeframe)
  if (lengthMs === undefined) return undefined
  const targetMs = startMs + horizon * lengthMs
  return { startMs: targetMs, endMs: targetMs + lengthMs }
}

/** Whether the whole window lies in that session of that trading date. */
export function liesInSession(
  symbol: string,
  { startMs, endMs }: TargetWindow,
  session: string,
  tradeDate: string
): boolean {
  const date = tradingDateAt(symbol, startMs)
  if (date.tradeDate !== tradeDate || endMs > date.endMs) return false
  return (
    sessionAt(symbol, date, startMs) === session && sessionAt(symbol, date, endMs - 1) === session
  )
}
