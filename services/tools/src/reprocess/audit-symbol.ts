import {
  isActivity,
  coverageOf,
  tradeId,
  type ConditionPolicy,
  type Timeframe,
  type TradingDate
} from '@tapedeck/domain'
import { storedTimeframes, type BarDocument } from '@tapedeck/mongo'
import { contentDifferences, gapDifferences, type FieldDifference } from './compare.ts'
import { Day, policyOf, settledMs, type DayDeps } from './day.ts'
import { Explainer, type Explanation, type NamedTrade } from './explain.ts'
import { isLetGo } from './log-state.ts'

export type AuditKind =
  'different' | 'missing' | 'unexpected' | 'coverage' | 'not final' | 'sums' | 'repeated trade'

/** Something that is not as it should be. */
export interface AuditDifference {
  readonly kind: AuditKind
  readonly symbol: string
  readonly timeframe: string
  /** Of the bar; empty where it is not about one. */
  readonly start: string
  readonly fields: readonly FieldDifference[]
  readonly explanation: string
  readonly trades: readonly string[]
}

/** One line of the audit's table. */
export interface SymbolAudit {
  readonly symbol: string
  readonly tradeDate: string
  readonly trades: number
  /** Stored trades that are in no bar by rule. */
  readonly aside: number
  readonly bars: number
  readonly equal: number
  /** Bars that may still change: not judged. */
  readonly open: number
  /** Bars of a table of conditions that is gone: not judged. */
  readonly unjudged: number
  /** Bars made by another policy than CONDITION_POLICY, judged by their own. */
  readonly otherPolicy: number
  readonly gaps: number
  /** Of the trading date, 0 to 1; null before the feed was first followed. */
  readonly coverage: number | null
  readonly differences: readonly AuditDifference[]
}

export interface AuditSymbolOptions {
  readonly timeframes: readonly Timeframe[]
  /** Bars of further timeframes that are stored are judged too. */
  readonly isStrict: boolean
  readonly policy: ConditionPolicy
  readonly dropsRepeated: boolean
}

/** A vendor's id that comes again within this time is the same trade; see VendorIdDeduplicator. */
const REPEATED_MS = 900_000

interface Suspect {
  readonly stored: BarDocument
  readonly expected: BarDocument | undefined
  readonly fields: readonly FieldDifference[]
}

/** Builds every bar of a symbol's trading date anew, each under its own policy, and compares. */
export async function auditSymbol(
  deps: DayDeps,
  symbol: string,
  date: TradingDate,
  options: AuditSymbolOptions
): Promise<SymbolAudit> {
  const present = options.isStrict ? [] : await storedTimeframes(deps.database, symbol)
  const timeframes = [...new Set([...options.timeframes, ...present])]
  const day = await Day.load(deps, symbol, date, timeframes)
  const explainer = new Explainer(day)
  const found: AuditDifference[] = repeatedTrades(day, options)
  const suspects: Suspect[] = []
  const counts = { bars: 0, equal: 0, open: 0, unjudged: 0, otherPolicy: 0 }
  const tradeCounts = new Map<Timeframe, number>()
  const seen = new Set<string>()
  const policies = new Map<ConditionPolicy, number>()
  for (const timeframe of timeframes) {
    await day.eachStored(timeframe, (batch) => {
      for (const stored of batch) {
        counts.bars++
        seen.add(stored._id)
        tradeCounts.set(timeframe, (tradeCounts.get(timeframe) ?? 0) + stored.tradeCount)
        const policy = policyOf(stored)
        if (stored.policy !== options.policy) counts.otherPolicy++
        if (policy !== undefined) policies.set(policy, (policies.get(policy) ?? 0) + 1)
        if (isOpen(day, stored)) counts.open++
        else if (policy === undefined) counts.unjudged++
        else {
          const expected = day.documentOf(stored._id, policy)
          const fields = expected === undefined ? [] : contentDifferences(stored, expected)
          const side = expected === undefined ? undefined : besideContent(day, stored, expected)
          if (side !== undefined) found.push(side)
          if (expected === undefined || fields.length > 0)
            suspects.push({ stored, expected, fields })
          else if (side === undefined) counts.equal++
        }
      }
    })
  }
  const strangers = suspects.flatMap(({ stored }) => explainer.strangers(stored))
  const missing = missingBars(day, seen, options.timeframes, most(policies, options.policy))
  const passed = missing.filter((bar) => !isOpen(day, { ...bar, status: 'provisional' }))
  counts.open += missing.length - passed.length
  found.push(
    ...explained(explainer, suspects, strangers),
    ...passed.map((bar) => differenceOf('missing', bar, [], explainer.ofMissing(bar, strangers)))
  )
  if (suspects.length === 0 && counts.open === 0) found.push(...sumProblems(symbol, tradeCounts))
  const { startMs, endMs, preMs, postEndMs } = date
  const spans = day.gaps.filter(
    (gap) =>
      gap.fromMs < postEndMs &&
      gap.toMs > preMs &&
      (gap.symbols === undefined || gap.symbols.has(symbol))
  )
  return {
    symbol,
    tradeDate: date.tradeDate,
    trades: day.slice.tradeCount,
    aside: day.slice.aside.size,
    ...counts,
    gaps: spans.length,
    coverage: coverageOf(symbol, '1d', startMs, endMs, spans),
    differences: found
  }
}

/** A bar that more trades may still go into, or of which the newest version is only in memory. */
function isOpen({ state, date }: Day, bar: BarDocument): boolean {
  if (isActivity(bar.timeframe)) {
    return bar.status === 'provisional' && !isLetGo(state, date.endMs)
  }
  return !isLetGo(state, settledMs(bar))
}

/** What a bar says beside its trades: the feed's gaps, and that it is final. */
function besideContent(
  day: Day,
  stored: BarDocument,
  expected: BarDocument
): AuditDifference | undefined {
  if (isActivity(stored.timeframe)) return undefined
  const gaps = gapDifferences(stored, expected)
  if (gaps.length > 0) {
    const explanation = `feed_gaps has ${expected.gapIds.length} gaps in its window, the bar ${stored.gapIds.length}`
    return differenceOf('coverage', stored, gaps, { text: explanation, trades: [] })
  }
  if (stored.status !== 'provisional' || day.state?.isRead !== true) return undefined
  const text = 'its window has passed, but nobody made it final'
  return differenceOf('not final', stored, [], { text, trades: [] })
}

function explained(
  explainer: Explainer,
  suspects: readonly Suspect[],
  strangers: readonly NamedTrade[]
): AuditDifference[] {
  return suspects.map(({ stored, expected, fields }) =>
    expected === undefined
      ? differenceOf('unexpected', stored, [], explainer.ofUnexpected(stored, strangers))
      : differenceOf(
          'different',
          stored,
          fields,
          explainer.ofDifferent(stored, expected, fields, strangers)
        )
  )
}

function missingBars(
  day: Day,
  seen: ReadonlySet<string>,
  timeframes: readonly Timeframe[],
  policy: ConditionPolicy
): BarDocument[] {
  return [...day.under(policy)]
    .filter(([id, { bar }]) => !seen.has(id) && timeframes.includes(bar.timeframe))
    .map(([, rebuilt]) => day.toDocument(rebuilt, policy))
}

/** A bar that is not there cannot say by which policy it would be: most of the others tell. */
function most(
  policies: ReadonlyMap<ConditionPolicy, number>,
  fallback: ConditionPolicy
): ConditionPolicy {
  return [...policies].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? fallback
}

/** The minutes of a day hold as many trades as the day. */
function sumProblems(symbol: string, counts: ReadonlyMap<Timeframe, number>): AuditDifference[] {
  const [minutes, day] = [counts.get('1m'), counts.get('1d')]
  if (minutes === undefined || day === undefined || minutes === day) return []
  const fields = [{ field: 'tradeCount', stored: String(day), rebuilt: String(minutes) }]
  const explanation = `the bars of 1m hold ${minutes} trades, that of 1d ${day}`
  return [{ kind: 'sums', symbol, timeframe: '1d', start: '', fields, explanation, trades: [] }]
}

/** One id of the vendor's on two trades: delivered twice, and not noticed. */
function repeatedTrades(day: Day, { dropsRepeated }: AuditSymbolOptions): AuditDifference[] {
  if (!dropsRepeated) return []
  const met = new Map<string, (typeof day.slice.trades)[number]>()
  const found: AuditDifference[] = []
  for (const trade of day.slice.trades) {
    const { vendorId, tMs } = trade
    if (vendorId === undefined) continue
    const before = met.get(vendorId)
    met.set(vendorId, trade)
    if (before === undefined || Math.abs(before.tMs - tMs) >= REPEATED_MS) continue
    found.push({
      kind: 'repeated trade',
      symbol: day.symbol,
      timeframe: '',
      start: new Date(tMs).toISOString(),
      fields: [],
      explanation: `the vendor's id ${vendorId} stands on two trades`,
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
