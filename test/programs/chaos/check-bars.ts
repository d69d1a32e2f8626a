import { finalAt } from '@tapedeck/domain'
import type { BarDocument, Database } from '@tapedeck/mongo'
import { exactBars, type ExactBar } from './exact-bars.ts'
import type { Findings } from './findings.ts'
import type { TopicTrade } from './topic-truth.ts'

export interface BarCheck {
  readonly timeframe: string
  readonly expected: number
  readonly equal: number
  readonly different: number
  readonly missing: number
  readonly unexpected: number
}

/** Of one symbol: enough to see that some are. */
const MOST_OVERDUE = 20
/** A quotient of two sums that are themselves rounded. */
const VWAP_TOLERANCE = 1e-12

/**
 * Every bar of a timeframe equals the one computed from the topic: prices, count, times, volume and
 * notional to the last digit, and its status fits its revision.
 *
 * @param truth in the order of the feed
 */
export async function checkBars(
  { bars }: Database,
  truth: readonly TopicTrade[],
  timeframe: string,
  findings: Findings
): Promise<BarCheck> {
  const expected = exactBars(truth, timeframe)
  const count = expected.size
  let equal = 0
  let different = 0
  let unexpected = 0
  const cursor = bars.find({ timeframe }, { projection: { exact: 0 }, batchSize: 2000 })
  for await (const bar of cursor) {
    const reference = expected.get(bar._id)
    expected.delete(bar._id)
    const problems =
      reference === undefined ? ['is stored and not expected'] : problemsOf(bar, reference)
    if (problems.length > 0)
      findings.add(`bar ${timeframe}`, `bar ${bar._id}: ${problems.join(', ')}`)
    if (reference === undefined) unexpected++
    else if (problems.length > 0) different++
    else equal++
  }
  for (const id of expected.keys()) findings.add(`bar ${timeframe}`, `bar ${id}: is not stored`)
  return { timeframe, expected: count, equal, different, missing: expected.size, unexpected }
}

function problemsOf(found: BarDocument, expected: ExactBar): string[] {
  const stored: ExactBar = {
    ...pricesOf(found),
    tradeCount: found.tradeCount,
    volume: found.volume,
    notional: found.notional,
    firstTradeAt: found.firstTradeAt.getTime(),
    lastTradeAt: found.lastTradeAt.getTime()
  }
  const problems = Object.entries(expected)
    .filter(([field, value]) => !Object.is(stored[field as keyof ExactBar], value))
    .map(
      ([field, value]) => `${field} ${stored[field as keyof ExactBar]}, expected ${String(value)}`
    )
  const vwap = expected.notional / expected.volume
  if (expected.volume > 0 && !(Math.abs((found.vwap ?? NaN) - vwap) <= VWAP_TOLERANCE * vwap)) {
    problems.push(`vwap ${found.vwap}, expected ${vwap}`)
  }
  const { status, revision } = found
  if (!['provisional', 'final', 'revised'].includes(status)) problems.push(`status ${status}`)
  if ((status === 'revised') !== revision > 0) problems.push(`${status} with revision ${revision}`)
  return problems
}

function pricesOf({
  open,
  high,
  low,
  close
}: BarDocument): Pick<ExactBar, 'open' | 'high' | 'low' | 'close'> {
  return { open: open ?? NaN, high: high ?? NaN, low: low ?? NaN, close: close ?? NaN }
}

/** Bars that are over by the trades stored of their symbol, and still provisional. */
export async function overdueBars(
  { bars, trades }: Database,
  symbols: readonly string[],
  allowedDelayMs: number
): Promise<string[]> {
  const overdue: string[] = []
  for (const symbol of symbols) {
    const [newest] = await trades.find({ symbol }).sort({ tradedAt: -1 }).limit(1).toArray()
    if (newest === undefined) continue
    const watermarkMs = newest.tradedAt.getTime() - allowedDelayMs
    const found = await bars
      .find({ symbol, status: 'provisional', end: { $lte: new Date(watermarkMs) } })
      .project<Pick<BarDocument, '_id' | 'timeframe' | 'end'>>({ timeframe: 1, end: 1 })
      .limit(MOST_OVERDUE)
      .toArray()
    const due = found.filter(
      ({ timeframe, end }) => finalAt(timeframe, symbol, end.getTime()) <= watermarkMs
    )
    overdue.push(...due.map(({ _id }) => _id))
  }
  return overdue
}
