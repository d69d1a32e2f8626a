import { DEFAULT_FORECASTS, type ForecastSpec } from '@tapedeck/domain'

/**
 * What the consumers of a run forecast: the usual ones, a kind whose target may be over before it is
 * made, and one that begins after two bars.
 */
export const FORECASTS: readonly ForecastSpec[] = [
  ...DEFAULT_FORECASTS,
  { timeframe: '1s', lookback: 10, horizon: 3 },
  { timeframe: '5m', lookback: 3, horizon: 1 }
]

/** Closes that a line needs; a forecast from fewer is an error, and so is none from as many. */
export function leastCloses({ lookback }: ForecastSpec): number {
  return Math.max(3, Math.ceil(lookback / 2))
}
