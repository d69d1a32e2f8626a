import { openDatabase } from '@tapedeck/mongo'
import { checkTimeframes } from './check-timeframes.ts'
import { compareBars, type Comparison } from './compare-bars.ts'
import { recountTrades } from './recount.ts'
import type { ReferenceBar } from './reference-bars.ts'
import { totalsProblems, type TapeTotals } from './tape-totals.ts'

export interface DatabaseCheck extends Comparison {
  /** Trades on the tape. */
  readonly trades: number
  /** Trades in `trades`. */
  readonly documents: number
  /** Trades in `late_trades` as redelivered. */
  readonly redelivered: number
  /** Windows of all timeframes with a trade, and how many of their bars are wrong. */
  readonly windows: number
  readonly wrongBars: number
  readonly holds: boolean
}

export interface DatabaseCheckOptions {
  readonly mongoUri: string
  readonly database: string
  readonly totals: TapeTotals
  readonly reference: readonly ReferenceBar[]
  readonly timeframes: readonly string[]
}

/**
 * Compares a database with the tape that was played into it: every trade once, with the exact sums
 * of each symbol; the 1-minute bars with the reference; every bar with the stored trades.
 */
export async function checkDatabase({
  mongoUri,
  database: name,
  totals,
  reference,
  timeframes
}: DatabaseCheckOptions): Promise<DatabaseCheck> {
  const database = await openDatabase({
    uri: mongoUri,
    database: name,
    username: undefined,
    password: undefined,
    tradesTtlMs: undefined
  })
  try {
    const documents = await database.trades.countDocuments()
    const redelivered = await database.lateTrades.countDocuments({ reason: 'redelivered' })
    const stored = await database.bars.find({ timeframe: '1m' }).toArray()
    const comparison = compareBars(reference, stored)
    const recount = await recountTrades(database)
    const check = await checkTimeframes(database, recount, timeframes)
    const differences = [
      ...countProblems(totals, documents, redelivered),
      ...totalsProblems(totals.bySymbol, recount.bySymbol),
      ...comparison.differences,
      ...check.problems
    ]
    return {
      ...comparison,
      differences,
      trades: totals.trades,
      documents,
      redelivered,
      windows: check.windows,
      wrongBars: check.wrong,
      holds: differences.length === 0 && comparison.equal === reference.length
    }
  } finally {
    await database.close()
  }
}

function countProblems(totals: TapeTotals, documents: number, redelivered: number): string[] {
  const problems: string[] = []
  const expected = totals.trades - totals.redelivered
  if (documents !== expected) problems.push(`${documents} trades stored, expected ${expected}`)
  if (redelivered !== totals.redelivered) {
    problems.push(`${redelivered} trades kept aside, expected ${totals.redelivered} redelivered`)
  }
  return problems
}
