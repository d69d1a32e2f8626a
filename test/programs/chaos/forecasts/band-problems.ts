import type { LedgerEntry } from '@tapedeck/domain'
import type { ForecastDocument } from '@tapedeck/mongo'

/** Relative to the price: sums that corrections rebuilt round differently. */
const TOLERANCE = 1e-8

/** Where the adaptive band of an entry is not the one that a run without a crash draws. */
export function bandProblems(entry: ForecastDocument, expected: LedgerEntry | undefined): string[] {
  if (expected === undefined) return []
  const problems: string[] = []
  for (const field of ['modelVersion', 'bandFrom'] as const) {
    if (entry[field] === expected[field]) continue
    problems.push(`${field} ${entry[field]}, expected ${expected[field]}`)
  }
  for (const field of ['bandLower', 'bandUpper'] as const) {
    const [found, wanted] = [entry[field], expected[field]]
    if (Math.abs(found - wanted) <= TOLERANCE * Math.abs(entry.lastClose)) continue
    problems.push(`${field} ${found}, expected ${wanted}`)
  }
  return problems
}
