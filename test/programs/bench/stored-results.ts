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
 * Every trade once, every trade in one day bar unless some are in no bar, and a hash to compare with other runs.
 */
export async function readResults(
  { trades, bars, checkpoints }: Database,
  bySymbol: ReadonlyMap<string, number>,
  areAllInBars: boolean
): Promise<StoredResults> {
  const problems: string[] = []
  // `_id` names a trade and is unique, so counts that are right leave no room for a repeated one.
  const counts = await trades
    .aggregate<{ _id: string; count: number }>([{ $group: { _id: '$symbol', count: { $sum: 1 } } }])
    .toArray()
  const found = new Map(counts.map(({ _id, count }) => [_id, count]))
  for (const [symbol, count] of bySymbol) {
    if (found.get(symbol) === count) continue
    problems.push(`${symbol}: ${found.get(symbol) ?? 0} trades stored, expected ${count}`)
  }
  const expected = [...bySymbol.values()].reduce((sum, count) => sum + count, 0)
  const [days] = await bars
    .aggregate<{ sum: number }>([
      { $match: { timeframe: '1d' } },
      { $group: { _id: null, sum: { $sum: '$tradeCount' } } }
    ])
    .toArray()
  if (areAllInBars && days?.sum !== expected) {
    problems.push(`${days?.sum ?? 0} trades in day bars, expected ${expected}`)
  }
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
    trades: [...found.values()].reduce((sum, each) => sum + each, 0),
    bars: count,
    barsHash: hash.digest('hex').slice(0, 16),
    checkpointBytes: largest?.bytes ?? 0,
    problems: problems.slice(0, 10)
  }
}
