import type { BarDocument, Database, FeedGapDocument } from '@tapedeck/mongo'
import { countedSpan } from '../bars/outages.ts'
import { OUTAGE_KINDS, type CausedOutage, type OutageKind } from './caused-outages.ts'
import type { Findings } from './findings.ts'
import { gapSpans, merged, type Span } from './gap-spans.ts'

export interface OutageCheck {
  readonly caused: Readonly<Record<OutageKind, number>>
  /** The longest, ms. */
  readonly longestMs: number
  /** Times a symbol was away that no recorded gap spans. */
  readonly unrecorded: number
  /** Bars that an outage of the run meets, and those wholly inside one. */
  readonly met: number
  readonly inside: number
  /** Of them, those that say the feed was up while the run kept it down. */
  readonly overstated: number
  /** Stored bars with less than full coverage, and those revised for a gap. */
  readonly uncovered: number
  readonly revised: number
}

/** Rounding of a share. */
const TOLERANCE = 1e-9

/**
 * Every outage that the run caused lies in recorded gaps, and no bar says that the feed was up meanwhile. Both by times
 * that the run measured itself.
 */
export async function checkOutages(
  { bars }: Pick<Database, 'bars'>,
  caused: readonly CausedOutage[],
  symbols: readonly string[],
  gaps: readonly FeedGapDocument[],
  findings: Findings
): Promise<OutageCheck> {
  const ofFeed = gaps.filter(({ log }) => log === undefined)
  let unrecorded = 0
  let met = 0
  let inside = 0
  let overstated = 0
  for (const symbol of symbols) {
    const own = caused.filter((one) => one.symbol === undefined || one.symbol === symbol)
    const recorded = gapSpans(ofFeed, symbol)
    for (const { kind, fromMs, toMs } of own) {
      if (recorded.some((gap) => gap.fromMs <= fromMs && gap.toMs >= toMs)) continue
      unrecorded++
      findings.add(
        'unrecorded',
        `${symbol}: ${kind} from ${timeOf(fromMs)} to ${timeOf(toMs)}, expected gaps that span it, found ${wordsOf(recorded, fromMs, toMs)}`
      )
    }
    const down = merged(own)
    if (down.length === 0) continue
    const [fromMs, toMs] = [down[0]?.fromMs ?? 0, down.at(-1)?.toMs ?? 0]
    const found = bars
      .find({ symbol, start: { $lt: new Date(toMs) }, end: { $gt: new Date(fromMs) } })
      .project<Pick<BarDocument, '_id' | 'timeframe' | 'start' | 'end' | 'coverage'>>({
        timeframe: 1,
        start: 1,
        end: 1,
        coverage: 1
      })
    for await (const { _id, timeframe, start, end, coverage } of found) {
      const span = countedSpan(symbol, timeframe, start.getTime(), end.getTime())
      const most = 1 - downShare(down, span)
      if (most === 1) continue
      met++
      if (most === 0) inside++
      // Null says that nothing is known: the feed was not followed before.
      if (coverage === null || coverage <= most + TOLERANCE) continue
      overstated++
      findings.add(
        'overstated',
        `bar ${_id}: coverage ${coverage}, expected ${most} at most: the run kept the feed from it`
      )
    }
  }
  return {
    caused: Object.fromEntries(
      OUTAGE_KINDS.map((kind) => [kind, caused.filter((one) => one.kind === kind).length])
    ) as Record<OutageKind, number>,
    longestMs: caused.reduce((most, { fromMs, toMs }) => Math.max(most, toMs - fromMs), 0),
    unrecorded,
    met,
    inside,
    overstated,
    uncovered: await bars.countDocuments({ coverage: { $lt: 1 } }),
    revised: await bars.countDocuments({ revisionCause: 'feed gap' })
  }
}

/** The share of a window in which the run kept the feed away. @param down ascending, apart from one another */
function downShare(down: readonly Span[], { fromMs, toMs }: Span): number {
  if (toMs <= fromMs) return 0
  const downMs = down.reduce(
    (sum, one) => sum + Math.max(0, Math.min(one.toMs, toMs) - Math.max(one.fromMs, fromMs)),
    0
  )
  return downMs / (toMs - fromMs)
}

function wordsOf(recorded: readonly Span[], fromMs: number, toMs: number): string {
  const near = recorded.filter((gap) => gap.toMs >= fromMs - 5000 && gap.fromMs <= toMs + 5000)
  const words = near.map((gap) => `${timeOf(gap.fromMs)} to ${timeOf(gap.toMs)}`)
  return words.length === 0 ? 'none near it' : words.join('; ')
}

function timeOf(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'ever'
}
