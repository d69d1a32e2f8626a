import { ABSENCE_REASONS } from '@tapedeck/domain'
import type { ForecastAbsenceDocument, ForecastDocument } from '@tapedeck/mongo'
import type { Expectation } from './expected-entries.ts'
import { leastSquares } from './least-squares.ts'
import type { SeriesFacts } from './series-facts.ts'

/** Old closes across long quiet spells weigh next to nothing: fewer than these are no line. */
const LEAST_WEIGHT = 2.4
/** Rounding of that. */
const WEIGHT_TOLERANCE = 1e-6

export interface HoleCheck {
  /** Bars without an entry that must have one, or with one that must not. */
  readonly holes: readonly string[]
  /** Bars rightly without an entry that no stored absence spans. */
  readonly unexplained: readonly string[]
  /** Bars of which a flush decided. */
  readonly either: number
}

/** Each final bar led to an entry of the model, or to a reason that is stored. */
export function checkHoles(
  model: string,
  expected: ReadonlyMap<number, Expectation>,
  entries: ReadonlyMap<number, ForecastDocument>,
  absences: readonly ForecastAbsenceDocument[],
  facts: SeriesFacts
): HoleCheck {
  const holes: string[] = []
  const unexplained: string[] = []
  let either = 0
  for (const [startMs, { entry, reasons, bar }] of expected) {
    const isMade = entries.has(startMs)
    const where = `bar ${bar.stored?._id ?? startMs} of ${facts.id}|${model}`
    if (entry === 'either') either++
    if (isMade && entry === 'absent') {
      holes.push(`${where}: led to an entry, expected none (${[...reasons].join(', ')})`)
    }
    if (isMade || entry === 'either') continue
    const isWeak = entry === 'made' && model === 'exponential' && isTooLight(startMs, facts)
    if (entry === 'made' && !isWeak) {
      holes.push(`${where}: led to no entry, expected one`)
      continue
    }
    const allowed = isWeak ? [ABSENCE_REASONS.tooFew] : [...reasons]
    const isSaid = absences.some(
      ({ reason, from, to }) =>
        (allowed as string[]).includes(reason) &&
        from.getTime() <= startMs &&
        // A gap is said once, where it begins.
        (startMs <= to.getTime() || reason === ABSENCE_REASONS.gap)
    )
    if (!isSaid)
      unexplained.push(`${where}: no entry, and no ${allowed.join(' or ')} is stored there`)
  }
  return { holes, unexplained, either }
}

/** What is wrong with a stored absence: each of its ends must be a bar that may lack an entry so. */
export function absenceProblems(
  { from, to, reason }: ForecastAbsenceDocument,
  expected: readonly ReadonlyMap<number, Expectation>[],
  facts: SeriesFacts
): string[] {
  const isPossible = (ms: number): boolean =>
    expected.some((ofModel) => {
      const reasons: ReadonlySet<string> | undefined = ofModel.get(ms)?.reasons
      return reasons?.has(reason) ?? false
    }) ||
    (reason === ABSENCE_REASONS.tooFew && isTooLight(ms, facts))
  return [from, to]
    .filter((at) => !isPossible(at.getTime()))
    .map((at) => `says '${reason}' of ${at.toISOString()}, whose bar gives no cause`)
}

function isTooLight(startMs: number, { places, bars, spec, lengthMs }: SeriesFacts): boolean {
  const { lookback } = spec
  const place = places.get(startMs)
  const newest = place === undefined ? undefined : bars[place]
  if (place === undefined || newest === undefined) return false
  const closes = bars
    .slice(Math.max(0, place + 1 - lookback), place + 1)
    .filter(
      ({ session, tradeDate }) => session === newest.session && tradeDate === newest.tradeDate
    )
    .map((bar) => ({ x: (bar.startMs - startMs) / lengthMs, close: bar.trades.at(-1)?.p ?? NaN }))
  const { effectiveN } = leastSquares(closes, (lookback - 1) / (lookback + 1))
  return effectiveN < LEAST_WEIGHT + WEIGHT_TOLERANCE
}
