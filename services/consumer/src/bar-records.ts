import type { OutgoingRecord } from '@tapedeck/kafka'
import type { BarDocument, Writes } from '@tapedeck/mongo'

/**
 * Bars as they go to the topic `bars`, keyed `symbol|timeframe` so that compaction keeps the newest
 * of each. Times are epoch ms. After a crash a bar may come again: (epoch, offset) says which is newer.
 */
export function barRecordsOf({ fresh, changed }: Writes<BarDocument>): OutgoingRecord[] {
  return [...fresh, ...changed].map((document) => {
    const { _id, exact: _exact, ...bar } = document
    return {
      key: `${bar.symbol}|${bar.timeframe}`,
      value: JSON.stringify({
        version: 1,
        id: _id,
        ...bar,
        start: bar.start.getTime(),
        end: bar.end.getTime(),
        firstTradeAt: bar.firstTradeAt.getTime(),
        lastTradeAt: bar.lastTradeAt.getTime(),
        updatedAt: bar.updatedAt.getTime()
      })
    }
  })
}
