import { ForecastEngine, type FinalBar, type LedgerEntry, type SymbolFeed } from '@tapedeck/domain'
import type { FeedGapDocument, ForecastDocument } from '@tapedeck/mongo'
import { outagesIn } from '../../bars/outages.ts'
import { firstOutcome, isFirstOutcomeLost } from './detector-path.ts'
import {
  downShare,
  isCovered,
  isFinal,
  isMadeLate,
  type BarOutages,
  type SeriesBar,
  type SeriesFacts,
  type StoredBar
} from './series-facts.ts'
import { closeAt } from './truth-bars.ts'

export interface ReferenceRun {
  /** By id, as they were made. */
  readonly entries: ReadonlyMap<string, LedgerEntry>
  /** From here on late trades leave in doubt what such a run makes; epoch ms. */
  readonly sureUntilMs: number
}

/**
 * What one process that is never killed makes of the same bars: a new forecast engine that takes them one
 * after another, each with the close it had when it was taken, and corrections where an offset places
 * them. Bands learn from every outcome, so one that was learnt from twice, or not at all, moves all that
 * follow.
 *
 * @param stored entries of one series
 */
export function referenceRun(
  stored: readonly ForecastDocument[],
  facts: SeriesFacts
): ReferenceRun {
  const engine = new ForecastEngine([facts.spec])
  const entries = new Map<string, LedgerEntry>()
  const byOrigin = Map.groupBy(stored, ({ madeFrom }) => madeFrom.getTime())
  const byTarget = Map.groupBy(stored, ({ target }) => target.getTime())
  const late = new Set(facts.bars.filter((bar) => (bar.stored?.lateCount ?? 0) > 0))
  const revisions = new Map<SeriesBar, { close: number; count: number }>()
  let sureUntilMs = Infinity
  let known = facts.gaps
  const take = (bars: readonly FinalBar[], watermarkMs = -Infinity): void => {
    for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
      engine.adopt(asked.map((request) => ({ request, state: null, bars: [], entries: [] })))
    }
    const coverageOf = ({ symbol }: SymbolFeed, fromMs: number, toMs: number): number =>
      1 - downShare(known, symbol, fromMs, toMs)
    const { made } = engine.advance({ bars, watermarkMs, nowMs: 0, coverageOf })
    for (const entry of made) entries.set(entry.id, entry)
  }
  const offsets = offsetsOf(facts.bars, byOrigin)
  for (const [place, bar] of facts.bars.entries()) {
    const { startMs } = bar
    if (!isFinal(bar.stored)) continue
    const offset = byOrigin.get(startMs)?.[0]?.madeAtOffset
    const latest = offsets[place] ?? Infinity
    const targeting = byTarget.get(startMs) ?? []
    const atFirst = whenTaken(bar.stored, offset !== undefined, targeting)
    known = gapsKnownTo(atFirst, bar, facts)
    const outcome = targeting.map(firstOutcome).find((close) => close !== null)
    // A bar that only late trades made, known after the next one was taken: a correction by then.
    const isUnseen = offset === undefined && outcome === undefined
    if (isMadeLate(bar.stored) && isUnseen && bar.firstOffset >= latest) continue
    for (const one of offset === undefined ? [] : knownBelow(late, offset, startMs)) {
      if (one.lastOffset < (offset ?? 0)) late.delete(one)
      const close = closeAt(one, offset ?? 0) ?? NaN
      const { close: before, count } = revisions.get(one) ?? { close: NaN, count: 0 }
      if (close === before) continue
      revisions.set(one, { close, count: count + 1 })
      if (isMadeLate(one.stored) && count === 0) take([], one.startMs + facts.lengthMs)
      take([finalBar(one, close, count, facts)])
    }
    const isLate = late.has(bar)
    const isKnown = !isLate || offset !== undefined || outcome !== undefined
    const isDoubtful = isLate && (bar.session === 'mixed' || targeting.some(isFirstOutcomeLost))
    if (!isKnown || isDoubtful || atFirst === undefined)
      sureUntilMs = Math.min(sureUntilMs, startMs)
    const close = (offset === undefined ? outcome : undefined) ?? closeAt(bar, latest)
    // Its target had been given up before: only late trades made it.
    if (targeting.length > 0 && outcome === undefined) take([], startMs + facts.lengthMs)
    if (isLate) revisions.set(bar, { close: close ?? NaN, count: 1 })
    const taken = finalBar(bar, close ?? NaN, 0, facts)
    take([{ ...taken, coverage: atFirst?.coverage ?? taken.coverage }])
  }
  return { entries, sureUntilMs }
}

/** What was known of the outages of a bar when it was taken. */
interface KnownOutages {
  readonly coverage: number
  /** Ids of the outages that it met. */
  readonly gapIds: readonly string[]
}

/**
 * What was known when a bar was taken, as its first final version tells; undefined where late trades leave that in
 * doubt. A bar without enough coverage leads to no entry, and is no outcome. A gap that became known later, or whose end did,
 * changed the score of the bar's own forecasts then, and nothing that they had taught.
 */
export function whenTaken(
  stored: StoredBar,
  isMadeFrom: boolean,
  targeting: readonly ForecastDocument[]
): KnownOutages | undefined {
  const { revision, versions = [] } = stored
  const first = versions.length === revision ? (versions[0] ?? stored) : undefined
  if (first !== undefined) return knownOutages(first)
  if (isCovered(stored)) return knownOutages(stored)
  const isTaken = isMadeFrom || targeting.some((entry) => firstOutcome(entry) !== null)
  return isTaken ? { coverage: 1, gapIds: [] } : undefined
}

function knownOutages({ coverage, gapIds = [] }: BarOutages): KnownOutages {
  return { coverage: coverage ?? 1, gapIds }
}

/** Without the gaps that a bar met and did not know: when it was taken, nobody could ask for them. */
function gapsKnownTo(
  known: KnownOutages | undefined,
  { startMs }: SeriesBar,
  { gaps, symbol, lengthMs }: SeriesFacts
): readonly FeedGapDocument[] {
  if (known === undefined) return gaps
  const met = new Set(outagesIn(gaps, symbol, startMs, startMs + lengthMs).map(({ id }) => id))
  return gaps.filter(({ _id }) => !met.has(_id) || known.gapIds.includes(_id))
}

/** Of each bar, the offset up to which records were read when it, or the first one after it that tells, was taken. */
function offsetsOf(
  bars: readonly SeriesBar[],
  byOrigin: ReadonlyMap<number, readonly ForecastDocument[]>
): number[] {
  const offsets: number[] = []
  let latest = Infinity
  for (let place = bars.length - 1; place >= 0; place--) {
    latest = byOrigin.get(bars[place]?.startMs ?? NaN)?.[0]?.madeAtOffset ?? latest
    offsets[place] = latest
  }
  return offsets
}

/** Bars with late trades below an offset, ascending; those after `startMs` are still to be taken. */
function knownBelow(late: ReadonlySet<SeriesBar>, offset: number, startMs: number): SeriesBar[] {
  return [...late].filter((bar) => bar.startMs < startMs && bar.firstOffset < offset)
}

function finalBar(
  { startMs, session, tradeDate, stored }: SeriesBar,
  close: number,
  revision: number,
  { symbol, spec, lengthMs }: SeriesFacts
): FinalBar {
  return {
    symbol,
    timeframe: spec.timeframe,
    startMs,
    endMs: startMs + lengthMs,
    close,
    session,
    tradeDate,
    coverage: stored?.coverage ?? 1,
    feed: '',
    revision
  }
}
