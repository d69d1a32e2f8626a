import {
  affects,
  coverageOf,
  isActivity,
  tradeId,
  type ConditionPolicy,
  type Timeframe,
  type TradingDate
} from '@tapedeck/domain'
import { storedTimeframes, type BarDocument } from '@tapedeck/mongo'
import { contentDifferences, gapDifferences, type FieldDifference } from '../reprocess/compare.ts'
import {
  isReleased,
  policyOf,
  finalMsOf,
  SymbolDay,
  type SymbolDayDeps
} from '../reprocess/symbol-day.ts'
import { Explainer, type Explanation, type ReferencedTrade } from './explain.ts'

type AuditKind =
  'different' | 'missing' | 'unexpected' | 'coverage' | 'not final' | 'sums' | 'repeated trade'

/** A stored bar or trade that is not as expected. */
export interface AuditDifference {
  readonly kind: AuditKind
  readonly symbol: string
  readonly timeframe: string
  /** Start of the bar; empty when the difference is not of one bar. */
  readonly start: string
  readonly fields: readonly FieldDifference[]
  readonly explanation: string
  readonly trades: readonly string[]
}

/** The audit of one symbol, a row of the table. */
export interface SymbolAudit {
  readonly symbol: string
  readonly tradeDate: string
  readonly trades: number
  /** Stored trades that are in no bar: too late, from the future, or delivered again. */
  readonly excluded: number
  readonly bars: number
  readonly equal: number
  /** Bars that may still change; they are not compared. */
  readonly open: number
  /** Bars of an older condition table; they cannot be rebuilt and are not compared. */
  readonly outdated: number
  /** Bars of another policy than CONDITION_POLICY, compared under their own. */
  readonly otherPolicy: number
  readonly gaps: number
  /** Of the trading date, 0 to 1; null before the feed was first followed. */
  readonly coverage: number | null
  readonly differences: readonly AuditDifference[]
}

export interface AuditSymbolOptions {
  readonly timeframes: readonly Timeframe[]
  /** Compare only these timeframes, and no others that are stored. */
  readonly isStrict: boolean
  readonly policy: ConditionPolicy
  readonly dropsRepeated: boolean
}

/** Two trades with one vendor id within this time are one trade, as for VendorIdDeduplicator. */
const REPEATED_MS = 900_000

interface Suspect {
  readonly stored: BarDocument
  readonly expected: BarDocument | undefined
  readonly fields: readonly FieldDifference[]
}

/**
 * Rebuilds every bar of a symbol's trading date, each under its own policy, and compares it.
 * @throws DATABASE_UNREACHABLE
 */
export async function auditSymbol(
  deps: SymbolDayDeps,
  symbol: string,
  date: TradingDate,
  options: AuditSymbolOptions
): Promise<SymbolAudit> {
  const present = options.isStrict ? [] : await storedTimeframes(deps.database, symbol)
  const timeframes = [...new Set([...options.timeframes, ...present])]
  const day = await SymbolDay.load(deps, symbol, date, timeframes)
  const explainer = new Explainer(day)
  const found: AuditDifference[] = repeatedTrades(day, options)
  const suspects: Suspect[] = []
  const counts = { bars: 0, equal: 0, open: 0, outdated: 0, otherPolicy: 0 }
  const tradeCounts = new Map<Timeframe, number>()
  const seen = new Set<string>()
  const policies = new Map<ConditionPolicy, number>()
  for (const timeframe of timeframes) {
    await day.eachStored(timeframe, async (batch) => {
      for (const stored of batch) {
        counts.bars++
        seen.add(stored._id)
        tradeCounts.set(timeframe, (tradeCounts.get(timeframe) ?? 0) + stored.tradeCount)
        const own = policyOf(stored)
        if (stored.policy !== options.policy) counts.otherPolicy++
        if (own !== undefined) policies.set(own, (policies.get(own) ?? 0) + 1)
        if (isOpen(day, stored)) counts.open++
        else if (own === undefined) counts.outdated++
        else {
          const expected = await day.documentOf(stored._id, own)
          const fields = expected === undefined ? [] : contentDifferences(stored, expected)
          const beside = expected && metadataDifference(day, stored, expected)
          if (beside !== undefined) found.push(beside)
          if (expected === undefined || fields.length > 0)
            suspects.push({ stored, expected, fields })
          else if (beside === undefined) counts.equal++
        }
      }
    })
  }
  const unstored = suspects.flatMap(({ stored }) => explainer.unstored(stored))
  const policy = mostFrequent(policies) ?? options.policy
  const missing = await missingBars(day, seen, options.timeframes, policy)
  const closed = missing.filter((bar) => !isOpen(day, { ...bar, status: 'provisional' }))
  counts.open += missing.length - closed.length
  found.push(
    ...(await explained(explainer, suspects, unstored)),
    ...closed.map((bar) => differenceOf('missing', bar, [], explainer.ofMissing(bar, unstored)))
  )
  if (suspects.length === 0 && counts.open === 0) found.push(...sumProblems(symbol, tradeCounts))
  const { startMs, endMs, preMs, postEndMs } = date
  const feeds = [...new Set(day.slice.trades.map(({ feed }) => feed))]
  const feed = feeds.length === 1 ? (feeds[0] ?? '') : 'mixed'
  const spans = day.gaps.filter((gap) => affects(gap, { symbol, feed }, preMs, postEndMs))
  return {
    symbol,
    tradeDate: date.tradeDate,
    trades: day.slice.tradeCount,
    excluded: day.slice.excluded.size,
    ...counts,
    gaps: spans.length,
    coverage: coverageOf(symbol, '1d', startMs, endMs, spans),
    differences: found
  }
}

/** Whether more trades may be added to a bar, or the consumer may hold a newer version in memory. */
function isOpen({ state, date }: SymbolDay, bar: BarDocument): boolean {
  if (isActivity(bar.timeframe)) {
    return bar.status === 'provisional' && !isReleased(state, date.endMs)
  }
  return !isReleased(state, finalMsOf(bar))
}

/** A wrong coverage, or a bar that should be final by now. */
function metadataDifference(
  day: SymbolDay,
  stored: BarDocument,
  expected: BarDocument
): AuditDifference | undefined {
  const gaps = gapDifferences(stored, expected)
  if (gaps.length > 0) {
    const text = `feed_gaps has ${expected.gapIds.length} gaps in its window, the bar ${stored.gapIds.length}`
    return differenceOf('coverage', stored, gaps, { text, trades: [] })
  }
  if (isActivity(stored.timeframe)) return undefined
  if (stored.status !== 'provisional' || day.state?.isRead !== true) return undefined
  const text = 'its window has ended, but it was not made final'
  return differenceOf('not final', stored, [], { text, trades: [] })
}

function explained(
  explainer: Explainer,
  suspects: readonly Suspect[],
  unstored: readonly ReferencedTrade[]
): Promise<AuditDifference[]> {
  return Promise.all(
    suspects.map(async ({ stored, expected, fields }) => {
      if (expected === undefined) {
        const explanation = explainer.ofUnexpected(stored, unstored)
        return differenceOf('unexpected', stored, [], explanation)
      }
      const explanation = await explainer.ofDifferent(stored, expected, fields, unstored)
      return differenceOf('different', stored, fields, explanation)
    })
  )
}

async function missingBars(
  day: SymbolDay,
  seen: ReadonlySet<string>,
  timeframes: readonly Timeframe[],
  policy: ConditionPolicy
): Promise<BarDocument[]> {
  return [...(await day.under(policy))]
    .filter(([id, { bar }]) => !seen.has(id) && timeframes.includes(bar.timeframe))
    .map(([, rebuilt]) => day.toDocument(rebuilt, policy))
}

/** Missing bars are expected under the policy of most others. */
function mostFrequent(policies: ReadonlyMap<ConditionPolicy, number>): ConditionPolicy | undefined {
  return [...policies].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

/** The bars of 1m must hold as many trades as that of 1d. */
function sumProblems(symbol: string, counts: ReadonlyMap<Timeframe, number>): AuditDifference[] {
  const [minutes, day] = [counts.get('1m'), counts.get('1d')]
  if (minutes === undefined || day === undefined || minutes === day) return []
  const fields = [{ field: 'tradeCount', stored: String(day), rebuilt: String(minutes) }]
  const explanation = `the bars of 1m hold ${minutes} trades, that of 1d ${day}`
  return [{ kind: 'sums', symbol, timeframe: '1d', start: '', fields, explanation, trades: [] }]
}

/** Two trades with one vendor id: the second delivery was not recognised. */
function repeatedTrades(day: SymbolDay, { dropsRepeated }: AuditSymbolOptions): AuditDifference[] {
  if (!dropsRepeated) return []
  const seen = new Map<string, (typeof day.slice.trades)[number]>()
  const found: AuditDifference[] = []
  for (const trade of day.slice.trades) {
    const { vendorId, tMs } = trade
    if (vendorId === undefined) continue
    const before = seen.get(vendorId)
    seen.set(vendorId, trade)
    if (before === undefined || Math.abs(before.tMs - tMs) >= REPEATED_MS) continue
    found.push({
      kind: 'repeated trade',
      symbol: day.symbol,
      timeframe: '',
      start: new Date(tMs).toISOString(),
      fields: [],
      explanation: `two trades have the vendor id ${vendorId}`,
      trades: [tradeId(before), tradeId(trade)]
    })
  }
  return found
}

function differenceOf(
  kind: AuditKind,
  { symbol, timeframe, start }: BarDocument,
  fields: readonly FieldDifference[],
  { text, trades }: Explanation
): AuditDifference {
  return { kind, symbol, timeframe, start: start.toISOString(), fields, explanation: text, trades }
}
