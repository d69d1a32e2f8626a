import { Problems, type Variable } from '@tapedeck/core'
import { windowLengthMs } from './forecast-target.ts'

/** One kind of forecast: from the last `lookback` closes, `horizon` bars ahead. */
export interface ForecastSpec {
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
}

export const MIN_LOOKBACK = 3
export const MAX_LOOKBACK = 1000
export const MAX_HORIZON = 1000
export const DEFAULT_FORECASTS: readonly ForecastSpec[] = [
  { timeframe: '1m', lookback: 20, horizon: 1 },
  { timeframe: '1m', lookback: 60, horizon: 5 },
  { timeframe: '5s', lookback: 60, horizon: 12 }
]

const SHAPE = /^([^:]+):(\d+):(\d+)$/

/**
 * A list such as 1m:20:1,1m:60:5 (timeframe:lookback:horizon); every bad entry is named. Two entries
 * with the same timeframe and horizon would write the same forecasts, so the second is refused.
 * @param isForecastable which timeframes have bars of one length in time (or are the trading day)
 */
export function forecastsVariable(
  isForecastable: (timeframe: string) => boolean = hasWindows
): Variable<readonly ForecastSpec[]> {
  return {
    fallback: DEFAULT_FORECASTS,
    required: true,
    secret: false,
    shown: DEFAULT_FORECASTS.map((one) => `${one.timeframe}:${one.lookback}:${one.horizon}`).join(
      ','
    ),
    about: 'Forecasts to make, each `timeframe:closes looked back:bars ahead`',
    expected: 'a list of timeframe:lookback:horizon such as 1m:20:1,1m:60:5',
    parse(found) {
      const problems: string[] = []
      const specs = new Map<string, ForecastSpec>()
      for (const entry of found.split(',').map((part) => part.trim())) {
        const spec = specOf(entry, isForecastable)
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

/** Windows of one length, as they can be counted ahead; 1d is counted in trading days. */
export function hasWindows(timeframe: string): boolean {
  return timeframe === '1d' || windowLengthMs(timeframe) !== undefined
}

function specOf(
  entry: string,
  isForecastable: (timeframe: string) => boolean
): ForecastSpec | string {
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
