import { decimalUnits } from '../bars/decimal-units.ts'
import { tradesOf } from '../../support/tape.ts'

/**
 * What becomes of a trade whose vendor id was seen before for its symbol: `drop` keeps the first
 * delivery only, `keep` counts every one.
 */
export type Redelivered = 'drop' | 'keep'

/** All trades of one symbol; volume in units of a factor, notional in units of a sum; see decimal-units.ts. */
export interface SymbolTotals {
  count: number
  volume: bigint
  notional: bigint
}

export interface TapeTotals {
  /** Lines of the tape, redelivered ones counted in. */
  readonly trades: number
  /** Trades that are to be dropped. */
  readonly redelivered: number
  /** What is to be stored, by symbol. */
  readonly bySymbol: ReadonlyMap<string, SymbolTotals>
}

/** Reads a tape once and sums up what must be stored of it. */
export async function readTapeTotals(tape: string, rule: Redelivered): Promise<TapeTotals> {
  const bySymbol = new Map<string, SymbolTotals>()
  const seen = new Set<string>()
  let trades = 0
  let redelivered = 0
  for await (const { s, p, v, id } of tradesOf(tape)) {
    trades++
    if (id !== undefined && rule === 'drop') {
      const key = `${s} ${id}`
      if (seen.has(key)) {
        redelivered++
        continue
      }
      seen.add(key)
    }
    addTo(bySymbol, s, p, v)
  }
  return { trades, redelivered, bySymbol }
}

/** Adds one trade to the totals of its symbol. */
export function addTo(
  bySymbol: Map<string, SymbolTotals>,
  symbol: string,
  price: number,
  size: number
): void {
  let totals = bySymbol.get(symbol)
  if (totals === undefined) {
    totals = { count: 0, volume: 0n, notional: 0n }
    bySymbol.set(symbol, totals)
  }
  const units = decimalUnits(size)
  totals.count++
  totals.volume += units
  totals.notional += decimalUnits(price) * units
}

/** Where two totals differ, in words. */
export function totalsProblems(
  expected: ReadonlyMap<string, SymbolTotals>,
  found: ReadonlyMap<string, SymbolTotals>
): string[] {
  const problems: string[] = []
  for (const symbol of new Set([...expected.keys(), ...found.keys()])) {
    const [a, b] = [expected.get(symbol), found.get(symbol)]
    for (const field of ['count', 'volume', 'notional'] as const) {
      if (a?.[field] === b?.[field]) continue
      problems.push(`${symbol}: ${field} of all trades ${b?.[field]}, expected ${a?.[field]}`)
    }
  }
  return problems
}
