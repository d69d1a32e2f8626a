import type { BarDocument, Database } from '@tapedeck/mongo'
import { unitsToNumber } from './decimal-units.ts'
import { mergedSeconds, type Recount, type Recounted } from './recount.ts'

export interface TimeframesCheck {
  /** Windows with a trade, all timeframes together. */
  readonly windows: number
  /** Bars that are missing, not expected, or differ. */
  readonly wrong: number
  /** In words, at most twenty. */
  readonly problems: readonly string[]
}

/** VWAP is a quotient of two sums: one rounding more than they have. */
const VWAP_TOLERANCE = 1e-12
const MOST_SHOWN = 20

/**
 * Compares the stored bars of every timeframe with the merge of the seconds counted anew: open,
 * high, low, close, count, first and last trade, volume and notional to the last bit.
 */
export async function checkTimeframes(
  { bars }: Database,
  recount: Recount,
  timeframes: readonly string[]
): Promise<TimeframesCheck> {
  const problems: string[] = []
  let windows = 0
  let wrong = 0
  const report = (problem: string): void => {
    wrong++
    if (problems.length < MOST_SHOWN) problems.push(problem)
  }
  for (const timeframe of timeframes) {
    const expected = new Map(
      mergedSeconds(recount, timeframe === '1d' ? 'days' : lengthMsOf(timeframe))
    )
    windows += expected.size
    for await (const bar of bars.find({ timeframe }, { projection: { exact: 0 } })) {
      const key = `${bar.symbol} ${timeframe === '1d' ? bar.tradeDate : bar.start.getTime()}`
      const found = expected.get(key)
      expected.delete(key)
      const differing = found === undefined ? ['no trade is stored for it'] : problemsOf(bar, found)
      if (differing.length > 0) report(`${timeframe} ${key}: ${differing.join(', ')}`)
    }
    for (const key of expected.keys()) report(`${timeframe} ${key}: no bar is stored`)
  }
  return { windows, wrong, problems }
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** `15s` is 15 000. */
function lengthMsOf(timeframe: string): number {
  return Number(timeframe.slice(0, -1)) * (UNIT_MS[timeframe.slice(-1)] ?? NaN)
}

function problemsOf(bar: BarDocument, expected: Recounted): string[] {
  const volume = unitsToNumber(expected.volume, 12)
  const notional = unitsToNumber(expected.notional, 24)
  const pairs: readonly (readonly [name: string, found: unknown, expected: unknown])[] = [
    ['open', bar.open, expected.first.price],
    ['high', bar.high, expected.high],
    ['low', bar.low, expected.low],
    ['close', bar.close, expected.last.price],
    ['count', bar.tradeCount, expected.count],
    ['volume', bar.volume, volume],
    ['notional', bar.notional, notional],
    ['first trade', bar.firstTradeAt.getTime(), expected.first.ms],
    ['last trade', bar.lastTradeAt.getTime(), expected.last.ms]
  ]
  const problems = pairs
    .filter(([, found, wanted]) => found !== wanted)
    .map(([name, found, wanted]) => `${name} ${String(found)}, expected ${String(wanted)}`)
  if (volume > 0 && Math.abs((bar.vwap ?? NaN) / (notional / volume) - 1) > VWAP_TOLERANCE) {
    problems.push(`vwap ${bar.vwap}, expected ${notional / volume}`)
  }
  return problems
}
