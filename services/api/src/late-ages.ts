import { LATE_AGES_MS, type LateAge } from '@tapedeck/mongo'

const NAMES = ['under 1 s', '1 to 10 s', '10 to 60 s', '1 to 60 min', '1 to 24 h', 'over 24 h']

/** One row for each age, youngest first, with a count for each reason; no rows when no trade was excluded. */
export function lateAgeRows(found: readonly LateAge[]) {
  if (found.length === 0) return []
  return LATE_AGES_MS.map((fromMs, age) => {
    const countOf = (reason: LateAge['reason']): number =>
      found.find((one) => one.age === age && one.reason === reason)?.trades ?? 0
    return {
      age: NAMES[age] ?? '',
      fromMs,
      toMs: LATE_AGES_MS[age + 1] ?? null,
      tooLate: countOf('too late'),
      fromTheFuture: countOf('from the future'),
      redelivered: countOf('redelivered')
    }
  })
}
