import { createHash } from 'node:crypto'
import type { Database } from '@tapedeck/mongo'

export interface StoredResults {
  readonly trades: number
  readonly bars: number
  /** Over what a reader sees of every bar, in the order of their ids. */
  readonly barsHash: string
  /** The largest checkpoint document, BSON bytes. */
  readonly checkpointBytes: number
  readonly problems: readonly string[]
}

/**
 * What is wrong in words, ten lines at most: every trade must be stored once and, unless some are in no bar, stand in one
 * day bar of its symbol.
 */
export async function tradesNotOnce(
  { trades, bars }: Database,
  bySymbol: ReadonlyMap<string, number>,
  areAllInBars: boolean
): Promise<string[]> {
  const problems: string[] = []
  const compare = (found: readonly Count[], where: string): void => {
    const counts = new Map(found.map(({ _id, count }) => [_id, count]))
    for (const symbol of new Set([...bySymbol.keys(), ...counts.keys()])) {
      const [count, expected] = [counts.get(symbol) ?? 0, bySymbol.get(symbol) ?? 0]
      if (count !== expected) {
        problems.push(`${symbol}: ${count} trades ${where}, expected ${expected}`)
      }
    }
  }
  // `_id` names a trade and is unique, so counts that are right leave no room for a repeated one.
  const ofTrades = { $group: { _id: '$symbol', count: { $sum: 1 } } }
  compare(await trades.aggregate<Count>([ofTrades]).toArray(), 'stored')
  const days = { $match: { timeframe: '1d' } }
  const inDays = { $group: { _id: '$symbol', count: { $sum: '$tradeCount' } } }
  if (areAllInBars) compare(await bars.aggregate<Count>([days, inDays]).toArray(), 'in day bars')
  return problems.slice(0, 10)
}

interface Count {
  readonly _id: string
  readonly count: number
}

/** What stands in the database, with a hash to compare with other runs; see `tradesNotOnce`. */
export async function readResults(
  database: Database,
  bySymbol: ReadonlyMap<string, number>,
  areAllInBars: boolean
): Promise<StoredResults> {
  const { trades, bars, checkpoints } = database
  const problems = await tradesNotOnce(database, bySymbol, areAllInBars)
  const hash = createHash('sha256')
  let count = 0
  for await (const bar of bars.find({}, { sort: { _id: 1 }, projection: { exact: 0 } })) {
    const { _id, open, high, low, close, volume, notional, vwap, tradeCount } = bar
    hash.update(JSON.stringify([_id, open, high, low, close, volume, notional, vwap, tradeCount]))
    count++
  }
  const [largest] = await checkpoints
    .aggregate<{ bytes: number }>([
      { $group: { _id: null, bytes: { $max: { $bsonSize: '$$ROOT' } } } }
    ])
    .toArray()
  return {
    trades: await trades.countDocuments(),
    bars: count,
    barsHash: hash.digest('hex').slice(0, 16),
    checkpointBytes: largest?.bytes ?? 0,
    problems
  }
}
