import { sessionAt, tradingDateAt } from '../sessions.ts'

/** The bar whose close is forecast, [startMs, endMs) in epoch ms. */
export interface TargetWindow {
  readonly startMs: number
  readonly endMs: number
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a tumbling timeframe such as 5s, 1m or 1h; undefined for every other name. */
export function windowLengthMs(timeframe: string): number | undefined {
  const known = lengths.get(timeframe)
  if (known !== undefined) return known
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smh])$/.exec(timeframe) ?? []
  const unitMs = UNIT_MS[unit]
  if (count === undefined || unitMs === undefined) return undefined
  const lengthMs = Number(count) * unitMs
  if (lengths.size < MEMORY) lengths.set(timeframe, lengthMs)
  return lengthMs
}

/** Pure memory of parsed names: asked for every bar. */
const MEMORY = 64
const lengths = new Map<string, number>()

/**
 * The bar `horizon` bars after the one that begins at `startMs`: windows on the clock for tumbling
 * timeframes, trading dates for `1d` (weekends and holidays are no bars).
 */
export function targetWindow(
  symbol: string,
  timeframe: string,
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
  const at = startMs + horizon * lengthMs
  return { startMs: at, endMs: at + lengthMs }
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
