import { MIN_COVERAGE, VOID_REASONS } from '@tapedeck/domain'
import type { ForecastDocument } from '@tapedeck/mongo'
import {
  downShare,
  isCovered,
  isFinal,
  statusOf,
  type SeriesFacts,
  type StoredBar
} from './series-facts.ts'

const MOST_CORRECTIONS = 16

/** What is wrong with how an entry was resolved, or that it was not. */
export function outcomeProblems(entry: ForecastDocument, facts: SeriesFacts): string[] {
  const place = facts.places.get(entry.target.getTime())
  const bar = place === undefined ? undefined : facts.bars[place]?.stored
  const problems = correctionProblems(entry, bar)
  if (entry.status !== 'scored') problems.push(...unscoredProblems(entry))
  switch (entry.status) {
    case 'open':
      return [...problems, ...openProblems(entry, bar, facts)]
    case 'scored':
      return [...problems, ...scoredProblems(entry, bar)]
    case 'void':
      return [...problems, ...voidProblems(entry, bar, facts)]
    default:
      return [`has status ${String(entry.status)}`]
  }
}

/** True when its outcome is known, or that there is none. */
export function isLeftOpen(entry: ForecastDocument, { watermarkMs }: SeriesFacts): boolean {
  return entry.status === 'open' && entry.targetEnd.getTime() <= watermarkMs
}

function openProblems(
  entry: ForecastDocument,
  bar: StoredBar | undefined,
  facts: SeriesFacts
): string[] {
  const problems: string[] = []
  if (isFinal(bar)) problems.push(`is open, its target bar is ${bar.status}`)
  if (isLeftOpen(entry, facts)) {
    problems.push(`is open, the watermark ${iso(facts.watermarkMs)} has passed its end`)
  }
  return problems
}

function scoredProblems(entry: ForecastDocument, bar: StoredBar | undefined): string[] {
  if (!isFinal(bar)) return [`is scored, its target bar is ${statusOf(bar)}`]
  const { actual } = entry
  if (actual === null) return ['is scored and has no actual']
  const expected: Partial<ForecastDocument> = {
    actual: bar.close,
    reason: null,
    error: actual - entry.forecast,
    naiveError: actual - entry.lastClose,
    driftError: actual - entry.drift,
    inOls: actual >= entry.lower && actual <= entry.upper,
    inBand: actual >= entry.bandLower && actual <= entry.bandUpper
  }
  const problems = differences(entry, expected)
  if (!isCovered(bar)) problems.push(`is scored, the feed was up for ${bar.coverage} of its bar`)
  if (entry.actualRevision < 0 || entry.actualRevision > bar.revision) {
    problems.push(`has actualRevision ${entry.actualRevision}, its bar ${bar.revision}`)
  }
  if (entry.scoredAt === null || entry.scoredAt < entry.createdAt) {
    problems.push(`was scored at ${entry.scoredAt?.toISOString()}, made at ${iso(entry.createdAt)}`)
  }
  return problems
}

function voidProblems(
  entry: ForecastDocument,
  bar: StoredBar | undefined,
  { gaps, symbol }: SeriesFacts
): string[] {
  const { target, targetEnd, reason } = entry
  const isDown =
    bar === undefined
      ? downShare(gaps, symbol, target.getTime(), targetEnd.getTime()) > 1 - MIN_COVERAGE
      : !isCovered(bar)
  if (reason === VOID_REASONS.notCovered) {
    return isDown ? [] : ['is void for a feed gap, none lies in its target']
  }
  if (reason !== VOID_REASONS.noTrade) return [`is void for '${reason}'`]
  // A gap that became known after the target was given up does not come back to it; a bar does.
  if (bar === undefined) return []
  if (isDown) return ['is void for want of a trade, its bar was not covered by the feed']
  return bar.close === null ? [] : [`is void, its bar closed at ${bar.close}`]
}

function unscoredProblems(entry: ForecastDocument): string[] {
  const nothing = {
    actual: null,
    error: null,
    naiveError: null,
    driftError: null,
    inOls: null,
    inBand: null
  }
  const isOpen = entry.status === 'open'
  const problems = differences(entry, isOpen ? { ...nothing, reason: null } : nothing)
  if (isOpen !== (entry.scoredAt === null)) {
    problems.push(`is ${entry.status} with scoredAt ${entry.scoredAt?.toISOString()}`)
  }
  return problems
}

/** Each rewrite needs a further revision of the bar, or its first version after the entry was void. */
function correctionProblems(entry: ForecastDocument, bar: StoredBar | undefined): string[] {
  const { scoreRevision, corrections, actual, reason } = entry
  const problems: string[] = []
  if (corrections.length !== Math.min(scoreRevision, MOST_CORRECTIONS)) {
    problems.push(`has ${corrections.length} corrections, scoreRevision ${scoreRevision}`)
  }
  const most = bar === undefined ? 0 : bar.revision + 1
  if (scoreRevision > most) {
    problems.push(`was rewritten ${scoreRevision} times, its bar allows ${most}`)
  }
  const last = corrections.at(-1)
  if (last !== undefined && last.was === actual && last.reason === reason) {
    problems.push('has a correction that changed nothing')
  }
  return problems
}

export function differences(
  entry: ForecastDocument,
  expected: Partial<ForecastDocument>
): string[] {
  return Object.entries(expected)
    .filter(([field, value]) => !Object.is(entry[field as keyof ForecastDocument], value))
    .map(
      ([field, value]) =>
        `${field} ${JSON.stringify(entry[field as keyof ForecastDocument])}, expected ${JSON.stringify(value)}`
    )
}

function iso(at: number | Date): string {
  return new Date(at).toISOString()
}
