import { CONDITION_TABLE_VERSION } from '@tapedeck/domain'
import type { BarDocument, BarVersion, FeedGapDocument } from '@tapedeck/mongo'
import { isDeepStrictEqual } from 'node:util'
import { SUM_DECIMALS, unitsToNumber } from './decimal-units.ts'
import type { ExpectedBar, PlacedTrade } from './expected-bars.ts'
import { countedSpan, isUnknown, outagesIn, shareOf } from './outages.ts'

/** What a bar is held against beside its trades. */
export interface BarFacts {
  /** Every recorded outage. */
  readonly gaps: readonly FeedGapDocument[]
  readonly topic: string
  /** The end of each partition; undefined: the places of trades are not known. */
  readonly ends?: ReadonlyMap<number, number>
}

/** What the field of a bar must be, in words; undefined when it is so. */
type Rule = (
  found: unknown,
  expected: ExpectedBar,
  bar: BarDocument,
  facts: BarFacts
) => string | undefined

/** Relative: quotients and roots of sums that are rounded themselves. */
const TOLERANCE = 1e-12
/** The stored sum of squared returns counts in 1e-8. */
const RETURN_SCALE = 1e8
const STATUSES = ['provisional', 'final', 'revised']

/** A value is the same to the last digit; times are compared as epoch ms. */
function equal(of: (expected: ExpectedBar) => unknown): Rule {
  return (found, expected) => {
    const wanted = of(expected)
    const value = found instanceof Date ? found.getTime() : found
    return Object.is(value, wanted) ? undefined : String(wanted)
  }
}

function close(of: (expected: ExpectedBar, facts: BarFacts) => number | null): Rule {
  return (found, expected, _bar, facts) => {
    const wanted = of(expected, facts)
    const isClose =
      typeof found === 'number' && wanted !== null
        ? Math.abs(found - wanted) <= TOLERANCE * Math.abs(wanted)
        : found === wanted
    return isClose ? undefined : String(wanted)
  }
}

const sum = (units: bigint): number => unitsToNumber(units, SUM_DECIMALS)

/** One rule a field: a field without a rule does not compile. */
const RULES: Readonly<Record<keyof BarDocument, Rule>> = {
  _id: equal(({ symbol, timeframe, startMs }) => `${symbol}|${timeframe}|${startMs}`),
  symbol: equal(({ symbol }) => symbol),
  timeframe: equal(({ timeframe }) => timeframe),
  start: equal(({ startMs }) => startMs),
  end: equal(({ endMs }) => endMs),
  open: equal(({ first }) => first.p),
  high: equal(({ high }) => high),
  low: equal(({ low }) => low),
  close: equal(({ last }) => last.p),
  volume: equal(({ sums }) => sum(sums.volume)),
  notional: equal(({ sums }) => sum(sums.notional)),
  vwap: close(({ sums }) => (sums.volume === 0n ? null : sum(sums.notional) / sum(sums.volume))),
  meanPrice: close(({ sums, tradeCount }) => sum(sums.prices) / tradeCount),
  sdPrice: close(deviationOf),
  logReturn: close(({ first, last }) => Math.log(last.p / first.p)),
  realisedVolatility: close(({ sums }) => Math.sqrt(sum(sums.squaredReturns) / RETURN_SCALE)),
  inferredUpVolume: equal(({ sums }) => sum(sums.upVolume)),
  inferredDownVolume: equal(({ sums }) => sum(sums.downVolume)),
  inferredUnchangedVolume: equal(({ sums }) => sum(sums.unchangedVolume)),
  tradeCount: equal(({ tradeCount }) => tradeCount),
  firstTradeAt: equal(({ first }) => first.t),
  lastTradeAt: equal(({ last }) => last.t),
  session: equal(({ session }) => session),
  tradeDate: equal(({ tradeDate }) => tradeDate),
  status(found, _expected, { revision }) {
    const isKnown = STATUSES.includes(String(found))
    if (isKnown && (found === 'revised') === revision > 0) return undefined
    return `${revision > 0 ? 'revised' : 'provisional or final'} with revision ${revision}`
  },
  revision(found, { surelyLate }, { lateCount }) {
    const least = Math.max(surelyLate.frames, lateCount > 0 ? 1 : 0)
    return isWhole(found) && found >= least ? undefined : `at least ${least}`
  },
  revisionCause(found, _expected, { revision, lateCount, gapIds }) {
    const causes = [lateCount > 0 && 'late trades', gapIds.length > 0 && 'feed gap']
    const wanted: readonly unknown[] = revision === 0 ? [null] : causes.filter(Boolean)
    return wanted.includes(found) ? undefined : wanted.join(' or ')
  },
  lateCount(found, { surelyLate, tradeCount }) {
    const isPossible = isWhole(found) && found >= surelyLate.trades && found <= tradeCount
    return isPossible ? undefined : `${surelyLate.trades} to ${tradeCount}`
  },
  lateVolume(found, { surelyLate, sums }, { lateCount, exact }) {
    const least = sum(surelyLate.volume)
    const most = lateCount === 0 ? 0 : sum(sums.volume)
    const own = sum(unitsOf((exact as Exact).lateVolume ?? 0))
    return found === own && own >= least && own <= most ? undefined : `${own}, ${least} to ${most}`
  },
  coverage: close(coverageOf),
  gapIds(found, expected, _bar, { gaps }) {
    const { symbol, startMs, endMs } = expected
    const wanted = outagesIn(gaps, symbol, startMs, endMs).map(({ id }) => id)
    return isDeepStrictEqual(found, wanted) ? undefined : JSON.stringify(wanted)
  },
  policy: equal(() => 'all'),
  conditionVersion: equal(() => CONDITION_TABLE_VERSION),
  feed: equal(({ feed }) => feed),
  updatedAt(found, { receivedAt }) {
    const isPossible =
      found instanceof Date && found.getTime() >= receivedAt && +found <= Date.now()
    return isPossible ? undefined : `${receivedAt} to now`
  },
  versions(found, _expected, { status, revision }) {
    if (status !== 'revised') return found === undefined ? undefined : 'none unless it was revised'
    const revisions = Array.isArray(found)
      ? found.map((one: BarVersion) => one.revision ?? NaN)
      : [NaN]
    const isRising = [...revisions, revision].every(
      (one, at, all) => at === 0 || one > (all[at - 1] ?? 0)
    )
    return isRising ? undefined : `versions of rising revisions below ${revision}`
  },
  source: sourceRule,
  exact: exactRule
}

/** Where a stored bar differs from what its trades and the recorded outages give, field by field. */
export function barProblems(bar: BarDocument, expected: ExpectedBar, facts: BarFacts): string[] {
  const problems: string[] = []
  for (const [field, rule] of Object.entries(RULES)) {
    const found = bar[field as keyof BarDocument]
    const wanted = rule(found, expected, bar, facts)
    if (wanted !== undefined) problems.push(`${field} ${shown(found)}, expected ${wanted}`)
  }
  for (const field of Object.keys(bar)) {
    if (!(field in RULES)) problems.push(`${field} is stored, expected no such field`)
  }
  return problems
}

function shown(found: unknown): string {
  return found instanceof Date ? String(found.getTime()) : (JSON.stringify(found) ?? 'nothing')
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Of the population; n Σp² - (Σp)² from whole units, so that nothing cancels. */
function deviationOf({ sums: { prices, squares }, tradeCount }: ExpectedBar): number {
  const scatter = BigInt(tradeCount) * squares * 10n ** BigInt(SUM_DECIMALS) - prices * prices
  return Math.sqrt(unitsToNumber(scatter, 2 * SUM_DECIMALS)) / tradeCount
}

function coverageOf(
  { symbol, timeframe, startMs, endMs }: ExpectedBar,
  { gaps }: BarFacts
): number | null {
  const outages = outagesIn(gaps, symbol, startMs, endMs)
  if (isUnknown(outages, endMs)) return null
  const { fromMs, toMs } = countedSpan(symbol, timeframe, startMs, endMs)
  return 1 - shareOf(outages, fromMs, toMs)
}

function sourceRule(
  found: unknown,
  { partition, nextOffset }: ExpectedBar,
  _bar: BarDocument,
  { topic, ends }: BarFacts
): string | undefined {
  const { log, offset, epoch, ...more } = found as BarDocument['source']
  const [foundTopic, foundPartition] = [log.slice(0, topic.length), log.slice(topic.length + 1)]
  const isInLog = foundTopic === topic && /^\d+$/.test(foundPartition)
  const isInPartition = ends === undefined || Number(foundPartition) === partition
  const end = ends?.get(partition) ?? Infinity
  const isInside = isWhole(offset) && offset >= nextOffset && offset <= end
  const isOfAnEpoch = isWhole(epoch) && epoch > 0 && Object.keys(more).length === 0
  if (isInLog && isInPartition && isInside && isOfAnEpoch) return undefined
  return `${topic}/${partition}, offset ${nextOffset} to ${end}, an epoch above 0`
}

/** The sums and places from which a stored bar is merged further. */
interface Exact {
  readonly sums: readonly (number | string)[]
  readonly priceCount: number
  readonly first: unknown
  readonly last: unknown
  readonly fallback: unknown
  readonly lateVolume?: number | string
  readonly gaps?: readonly (readonly [id: string, fromMs: number, toMs: number])[]
}

/** A stored number counts in units of 1e-8, a text in units of 1e-24 unless it names its exponent. */
const NUMBER_UNITS = 10n ** BigInt(SUM_DECIMALS - 8)
const TEXT_DECIMALS = 24

/** A stored sum in units of a sum. */
function unitsOf(stored: number | string): bigint {
  if (typeof stored === 'number') return BigInt(stored) * NUMBER_UNITS
  const [digits = '0', decimals = TEXT_DECIMALS] = stored.split('e-')
  return BigInt(digits) * 10n ** BigInt(SUM_DECIMALS - Number(decimals))
}

/** The one form in which a sum is stored. */
function storedForm(units: bigint): number | string {
  const inNumber = units / NUMBER_UNITS
  const isNumber = units % NUMBER_UNITS === 0n && inNumber <= BigInt(Number.MAX_SAFE_INTEGER)
  if (isNumber) return Number(inNumber)
  let decimals = SUM_DECIMALS
  let digits = units
  while (decimals > TEXT_DECIMALS && digits % 10n === 0n) {
    digits /= 10n
    decimals--
  }
  return decimals > TEXT_DECIMALS ? `${digits}e-${decimals}` : String(digits)
}

/** Frame and index of a trade in one number. */
const FRAME_SIZE = 4096

function placeOf({ t, connection, frame, index, p }: PlacedTrade): readonly unknown[] {
  return [t, connection, frame * FRAME_SIZE + index, p]
}

function exactRule(
  found: unknown,
  { sums, surelyLate, tradeCount, first, last, symbol, startMs, endMs }: ExpectedBar,
  { lateCount, lateVolume }: BarDocument,
  { gaps }: BarFacts
): string | undefined {
  const { volume, notional, prices, squares, squaredReturns } = sums
  const { upVolume, downVolume, unchangedVolume } = sums
  const { lateVolume: late = 0, gaps: spans = [], ...rest } = found as Exact
  const parts: Readonly<Record<string, unknown>> = {
    ...rest,
    lateVolume: late,
    gaps: spans
  }
  // Which of the others came late is not known from outside, so only the nearest double is.
  const isNearest = sum(unitsOf(late)) === lateVolume
  const lateUnits =
    lateCount === surelyLate.trades
      ? surelyLate.volume
      : lateCount === tradeCount
        ? volume
        : undefined
  const wanted: Readonly<Record<string, unknown>> = {
    sums: [volume, notional, volume, prices, squares, squaredReturns]
      .concat(upVolume, downVolume, unchangedVolume)
      .map(storedForm),
    priceCount: tradeCount,
    first: placeOf(first),
    last: placeOf(last),
    fallback: null,
    lateVolume: lateUnits === undefined ? isNearest && late : storedForm(lateUnits),
    gaps: outagesIn(gaps, symbol, startMs, endMs).map(({ id, fromMs, toMs }) => [id, fromMs, toMs])
  }
  const names = new Set([...Object.keys(wanted), ...Object.keys(parts)])
  const differing = [...names].filter((name) => !isDeepStrictEqual(parts[name], wanted[name]))
  if (differing.length === 0) return undefined
  return differing.map((name) => `${name} ${JSON.stringify(wanted[name])}`).join(', ')
}
