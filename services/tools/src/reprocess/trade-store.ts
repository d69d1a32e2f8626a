import {
  eachTrade,
  loadAsideIds,
  type AsideTrade,
  type Database,
  type StoredTrade,
  type TradeCollection,
  type TradeRange
} from '@tapedeck/mongo'

/** Where trades are read from again. */
export interface TradeStore {
  each(
    range: TradeRange,
    visit: (trade: StoredTrade) => 'stop' | undefined,
    order?: 1 | -1
  ): Promise<void>
  /** Trades of a range that are in no bar, by id. */
  asideIds(range: TradeRange): Promise<ReadonlyMap<string, AsideTrade>>
}

/** `includeLate`: as if no trade had been too late or from the future. */
export function tradeStore(
  database: Database,
  collection: TradeCollection,
  { includeLate = false } = {}
): TradeStore {
  return {
    each: (range, visit, order) => eachTrade(database, collection, range, visit, order),
    // A shadow leaves out what stands aside by itself.
    asideIds: (range) =>
      includeLate || collection !== 'trades'
        ? Promise.resolve(new Map())
        : loadAsideIds(database, range)
  }
}
