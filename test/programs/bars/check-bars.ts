import type { Database } from '@tapedeck/mongo'
import { barProblems, type BarFacts } from './bar-problems.ts'
import type { ExpectedBar } from './expected-bars.ts'

/** The bars of one timeframe: how many were expected, and what is stored of them. */
export interface BarCheck {
  readonly timeframe: string
  readonly expected: number
  readonly equal: number
  readonly different: number
  readonly missing: number
  readonly unexpected: number
}

/**
 * Every stored bar of a timeframe equals the expected one in every field, and none is missing.
 *
 * @param expected by id
 * @param onProblem hears, in words, of each bar that is wrong
 */
export async function checkBars(
  { bars }: Pick<Database, 'bars'>,
  timeframe: string,
  expected: ReadonlyMap<string, ExpectedBar>,
  facts: BarFacts,
  onProblem: (problem: string) => void
): Promise<BarCheck> {
  const missing = new Set(expected.keys())
  let different = 0
  let unexpected = 0
  for await (const bar of bars.find({ timeframe }, { batchSize: 2000 })) {
    missing.delete(bar._id)
    const wanted = expected.get(bar._id)
    if (wanted === undefined) {
      unexpected++
      onProblem(`bar ${bar._id}: is stored and not expected`)
      continue
    }
    const problems = barProblems(bar, wanted, facts)
    if (problems.length === 0) continue
    different++
    onProblem(`bar ${bar._id}: ${problems.join(', ')}`)
  }
  for (const id of missing) onProblem(`bar ${id}: is not stored`)
  return {
    timeframe,
    expected: expected.size,
    equal: expected.size - different - missing.size,
    different,
    missing: missing.size,
    unexpected
  }
}
