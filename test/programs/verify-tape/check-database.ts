import { parseTradeId } from '@tapedeck/domain'
import { openDatabase, type Database } from '@tapedeck/mongo'
import { databaseConfig } from '../../support/own-database.ts'
import { checkBars } from '../bars/check-bars.ts'
import { BarRecount, type PlacedTrade } from '../bars/expected-bars.ts'
import { compareBars, type Comparison } from './compare-bars.ts'
import type { ReferenceBar } from './reference-bars.ts'
import { addTo, totalsProblems, type SymbolTotals, type TapeTotals } from './tape-totals.ts'

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
  readonly topic: string
  readonly totals: TapeTotals
  readonly reference: readonly ReferenceBar[]
  readonly timeframes: readonly string[]
  /** ALLOWED_DELAY of the consumer. */
  readonly allowedDelayMs: number
}

const MOST_SHOWN = 20

/**
 * Compares a database with the tape that was played into it: every trade once, with the exact sums
 * of each symbol; the 1-minute bars with the reference; every field of every bar with the stored trades.
 */
export async function checkDatabase({
  mongoUri,
  database: name,
  topic,
  totals,
  reference,
  timeframes,
  allowedDelayMs
}: DatabaseCheckOptions): Promise<DatabaseCheck> {
  const database = await openDatabase(databaseConfig(mongoUri, name))
  try {
    const redelivered = await database.lateTrades.countDocuments({ reason: 'redelivered' })
    const stored = await database.bars.find({ timeframe: '1m' }).toArray()
    const comparison = compareBars(reference, stored)
    const trades = await storedTrades(database)
    const recount = new BarRecount(trades, allowedDelayMs)
    const facts = { gaps: await database.feedGaps.find().toArray(), topic }
    const barProblems: string[] = []
    let windows = 0
    let wrongBars = 0
    for (const timeframe of timeframes) {
      const expected = recount.bars(timeframe)
      windows += expected.size
      await checkBars(database, timeframe, expected, facts, (problem) => {
        wrongBars++
        if (barProblems.length < MOST_SHOWN) barProblems.push(problem)
      })
    }
    const differences = [
      ...countProblems(totals, trades.length, redelivered),
      ...totalsProblems(totals.bySymbol, totalsOf(trades)),
      ...comparison.differences,
      ...barProblems
    ]
    return {
      ...comparison,
      differences,
      trades: totals.trades,
      documents: trades.length,
      redelivered,
      windows,
      wrongBars,
      holds: differences.length === 0 && comparison.equal === reference.length
    }
  } finally {
    await database.close()
  }
}

/** The collection `trades`, with the place in the feed that each `_id` names. */
export async function storedTrades({ trades }: Database): Promise<PlacedTrade[]> {
  const found: PlacedTrade[] = []
  for await (const document of trades.find({}, { batchSize: 5000 })) {
    const { _id, symbol, price, size, tradedAt, conditions, feed, receivedAt } = document
    const { connection, frame, index } = parseTradeId(_id)
    found.push({
      symbol,
      p: price,
      t: tradedAt.getTime(),
      v: size,
      c: conditions,
      feed,
      connection,
      frame,
      index,
      receivedAt: receivedAt.getTime()
    })
  }
  return found
}

function totalsOf(trades: readonly PlacedTrade[]): Map<string, SymbolTotals> {
  const bySymbol = new Map<string, SymbolTotals>()
  for (const { symbol, p, v } of trades) addTo(bySymbol, symbol, p, v)
  return bySymbol
}

function countProblems(totals: TapeTotals, documents: number, redelivered: number): string[] {
  const problems: string[] = []
  const expected = totals.trades - totals.redelivered
  if (documents !== expected) problems.push(`${documents} trades stored, expected ${expected}`)
  if (redelivered !== totals.redelivered) {
    problems.push(`${redelivered} redelivered trades excluded, expected ${totals.redelivered}`)
  }
  return problems
}
