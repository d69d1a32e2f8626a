import type { ReferenceBar } from './reference-bars.ts'

/** A stored bar as far as it is compared. */
export interface StoredMinute {
  readonly symbol: string
  readonly start: Date
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly volume: number
  readonly vwap: number | null
  readonly tradeCount: number
}

export interface Comparison {
  readonly expected: number
  readonly equal: number
  /** In words, at most twenty. */
  readonly differences: readonly string[]
  readonly different: number
  readonly missing: number
  readonly unexpected: number
}

/** Volume and VWAP may differ by this much relatively: the reference has more digits than a double. */
const TOLERANCE = 1e-9
const MOST_SHOWN = 20

/** Open, high, low, close and count exactly; volume and VWAP within 1e-9. */
export function compareBars(
  reference: readonly ReferenceBar[],
  stored: readonly StoredMinute[]
): Comparison {
  const byKey = new Map(stored.map((bar) => [`${bar.symbol} ${bar.start.getTime()}`, bar]))
  const differences: string[] = []
  let equal = 0
  let missing = 0
  for (const expected of reference) {
    const key = `${expected.symbol} ${expected.startMs}`
    const found = byKey.get(key)
    byKey.delete(key)
    if (found === undefined) {
      missing++
      differences.push(`${key}: no bar is stored`)
      continue
    }
    const problems = problemsOf(expected, found)
    if (problems.length === 0) equal++
    else differences.push(`${key}: ${problems.join(', ')}`)
  }
  for (const key of byKey.keys()) differences.push(`${key}: is stored and not expected`)
  return {
    expected: reference.length,
    equal,
    different: reference.length - equal - missing,
    missing,
    unexpected: byKey.size,
    differences: differences.slice(0, MOST_SHOWN)
  }
}

function problemsOf(expected: ReferenceBar, found: StoredMinute): string[] {
  const problems: string[] = []
  for (const field of ['open', 'high', 'low', 'close'] as const) {
    if (found[field] !== expected[field]) {
      problems.push(`${field} ${found[field]}, expected ${expected[field]}`)
    }
  }
  if (found.tradeCount !== expected.count) {
    problems.push(`count ${found.tradeCount}, expected ${expected.count}`)
  }
  if (!near(found.volume, expected.volume)) {
    problems.push(`volume ${found.volume}, expected ${expected.volume}`)
  }
  if (!near(found.vwap ?? NaN, expected.vwap)) {
    problems.push(`vwap ${found.vwap}, expected ${expected.vwap}`)
  }
  return problems
}

function near(found: number, expected: number): boolean {
  return Math.abs(found - expected) <= TOLERANCE * Math.abs(expected)
}
