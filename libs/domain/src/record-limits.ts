/**
 * What a record may hold. Everything within these limits is held by all later steps: windows, sums, forecasts,
 * documents and answers (test/unit/domain/record-limits.test.ts feeds them such records). What is outside is a dead
 * letter with the reason.
 */

/**
 * Latest time, epoch ms: 1 December 9999. Every window and trading date that holds it ends in the year 9999, which
 * a BSON date, the calendar and drivers of other languages hold; Python's ends there.
 */
const LAST_TIME_MS = Date.UTC(9999, 11, 1)

/**
 * Prices and sizes are 0 or within these. Products, ratios and fourth powers of them are then doubles that neither
 * overflow nor vanish, as sums of squares and the tests of forecasts need.
 */
const LEAST_AMOUNT = 1e-50
const MOST_AMOUNT = 1e50

/** Characters of a connection, a feed, a vendor's id or a condition code. */
export const MAX_NAME_LENGTH = 100
/** Condition codes of one trade. */
export const MAX_CODES = 100

/** Whether a value is a time that every later step holds, epoch ms. */
export function isEpochMs(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LAST_TIME_MS
}

/** Why a value is no time of a trade; undefined when it is one. */
export function timeProblem(value: unknown): string | undefined {
  if (isEpochMs(value) && value > 0) return undefined
  if (!Number.isInteger(value)) return 'time is not epoch ms'
  return `time is not epoch ms: ${String(value)}, expected 1 to ${LAST_TIME_MS}`
}

/** Why a positive number is beyond what sums and ratios hold; undefined when it is not. */
export function amountProblem(name: 'price' | 'size', value: number): string | undefined {
  return value >= LEAST_AMOUNT && value <= MOST_AMOUNT
    ? undefined
    : `${name} is out of range: ${value}, expected ${LEAST_AMOUNT} to ${MOST_AMOUNT}`
}

/** Whether a value is a text that is stored as it is: not empty, not long, no half of a surrogate pair. */
export function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_NAME_LENGTH &&
    value.isWellFormed()
  )
}
