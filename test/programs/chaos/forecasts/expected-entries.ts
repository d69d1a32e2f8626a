import { ABSENCE_REASONS, MIN_COVERAGE, type AbsenceReason } from '@tapedeck/domain'
import {
  downShare,
  isCovered,
  isFinal,
  isMadeLate,
  isTargetInSession,
  type SeriesBar,
  type SeriesFacts
} from './series-facts.ts'
import { leastCloses } from './specs.ts'

/** What must have come of a bar. */
export interface Expectation {
  readonly bar: SeriesBar
  /** `either` where late trades or a gap leave it to the moment of a flush. */
  readonly entry: 'made' | 'absent' | 'either'
  /** Why it may be absent. */
  readonly reasons: ReadonlySet<AbsenceReason>
}

/** The closes in use: so many at least and at most, late ones being in doubt. */
interface Run {
  readonly least: number
  readonly most: number
  /** The feed was down between this bar and the one before. */
  readonly isAfterGap: boolean
}

const NO_RUN: Run = { least: 0, most: 0, isAfterGap: false }

/**
 * What each final bar of a series must have led to for one model.
 *
 * @param restarts ends of the bars at which the model was restarted, epoch ms
 */
export function expectedEntries(
  facts: SeriesFacts,
  restarts: ReadonlySet<number>
): Map<number, Expectation> {
  const expected = new Map<number, Expectation>()
  let run = NO_RUN
  let before: SeriesBar | undefined
  /** Those that only late trades made, since the bar before. */
  let between: SeriesBar[] = []
  for (const bar of facts.bars) {
    if (!isFinal(bar.stored)) continue
    if (restarts.has(bar.startMs + facts.lengthMs)) run = NO_RUN
    run = runAfter(run, bar, before, between, facts)
    if (isMadeLate(bar.stored)) between.push(bar)
    else {
      before = bar
      between = []
    }
    expected.set(bar.startMs, expectationOf(bar, run, facts))
  }
  return expected
}

function runAfter(
  { least, most }: Run,
  bar: SeriesBar,
  before: SeriesBar | undefined,
  between: readonly SeriesBar[],
  { gaps, symbol, lengthMs }: SeriesFacts
): Run {
  if (isDown(bar)) return { least: 0, most: isDownLate(bar) ? most + 1 : 0, isAfterGap: false }
  if (isMadeLate(bar.stored)) return { least, most: most + 1, isAfterGap: false }
  const isDoubtful = isSessionDoubtful(bar) || (before !== undefined && isSessionDoubtful(before))
  if (before === undefined || !isSameSession(bar, before)) {
    const own = between.filter((one) => isSameSession(bar, one)).length
    return { least: 1, most: isDoubtful ? most + 1 : own + 1, isAfterGap: false }
  }
  // Whether the gap was known when the bar was taken in is not stored.
  const down = downShare(gaps, symbol, before.startMs + lengthMs, bar.startMs)
  const isAfterGap = down > 1 - MIN_COVERAGE
  return { least: isDoubtful || isAfterGap ? 1 : least + 1, most: most + 1, isAfterGap }
}

function expectationOf(
  bar: SeriesBar,
  { least, most, isAfterGap }: Run,
  facts: SeriesFacts
): Expectation {
  const { tooFew, session, gap } = ABSENCE_REASONS
  const enough = leastCloses(facts.spec)
  const isCut = !isTargetInSession(facts, bar)
  const isDoubtful = isMadeLate(bar.stored) || isSessionDoubtful(bar) || isDownLate(bar)
  const reasons = new Set<AbsenceReason>()
  if (isDown(bar) || isAfterGap) reasons.add(gap)
  if (isCut || isSessionDoubtful(bar)) reasons.add(session)
  if (least < enough && (isDoubtful || !(isDown(bar) || isCut))) reasons.add(tooFew)
  if (isDoubtful) return { bar, entry: 'either', reasons }
  if (isDown(bar) || isCut || most < enough) return { bar, entry: 'absent', reasons }
  return { bar, entry: least >= enough ? 'made' : 'either', reasons }
}

function isSameSession(a: SeriesBar, b: SeriesBar): boolean {
  return a.session === b.session && a.tradeDate === b.tradeDate
}

/** Late trades mixed it, or it was mixed before they came. */
function isSessionDoubtful({ session, stored }: SeriesBar): boolean {
  return session === 'mixed' && (stored?.lateCount ?? 0) > 0
}

function isDown({ stored }: SeriesBar): boolean {
  return stored !== undefined && !isCovered(stored)
}

/** Its gap may have become known when forecasts had been made from it. */
function isDownLate(bar: SeriesBar): boolean {
  return isDown(bar) && (bar.stored?.revision ?? 0) > 0
}
