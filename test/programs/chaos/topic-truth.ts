import { TapedeckError } from '@tapedeck/core'
import { GAP_KEY, tradeId, type TradeRecord } from '@tapedeck/domain'
import { createClient, partitionEnds, type KafkaConfig } from '@tapedeck/kafka'
import { until } from '../../support/until.ts'
import { byPlace, type PlacedTrade } from '../bars/expected-bars.ts'

/** A trade as it stands on the topic. */
export interface TopicTrade extends PlacedTrade {
  readonly id: string
  /** Where its record first stands. */
  readonly partition: number
  readonly offset: number
}

export interface TopicTruth {
  /** Each once, by connection, frame and index. */
  readonly trades: readonly TopicTrade[]
  readonly records: number
  /** The end of each partition. */
  readonly ends: ReadonlyMap<number, number>
  /** Records that stand there more than once: the producer did not hear that they had arrived. */
  readonly repeated: number
}

const READ_LIMIT_MS = 120_000

/** Reads `raw_data` from its first record to its present end, by other means than the consumer's. */
export async function readTopicTruth(kafka: KafkaConfig): Promise<TopicTruth> {
  const ends = await partitionEnds(kafka)
  const nextOffsets = new Map<number, number>()
  const seen = new Set<string>()
  const trades: TopicTrade[] = []
  let records = 0
  const take = (partition: number, offset: number, key: string, value: string): void => {
    if (key === GAP_KEY) return
    const record = JSON.parse(value) as TradeRecord
    records++
    const name = `${record.connection} ${record.frame} ${record.symbol}`
    if (seen.has(name)) return
    seen.add(name)
    record.trades.forEach(({ p, t, v, c = null }, i) => {
      const { symbol, feed, connection, frame, receivedAt } = record
      const index = record.indexes[i] ?? NaN
      const id = tradeId({ connection, frame, index })
      const place = { connection, frame, index, receivedAt, partition, offset }
      trades.push({ id, symbol, feed, p, t, v, c, ...place })
    })
  }
  const reader = createClient(kafka, 'tapedeck-chaos').consumer({
    groupId: `chaos-truth-${process.pid}-${Date.now()}`,
    maxWaitTimeInMs: 100
  })
  try {
    await reader.connect()
    await reader.subscribe({ topics: [kafka.topic], fromBeginning: true })
    await reader.run({
      eachBatch({ batch: { partition, messages } }) {
        for (const { offset, key, value } of messages) {
          // A member that is let in twice is handed records twice.
          if (Number(offset) < (nextOffsets.get(partition) ?? 0)) continue
          if (Number(offset) >= (ends.get(partition) ?? 0)) break
          nextOffsets.set(partition, Number(offset) + 1)
          take(partition, Number(offset), key?.toString() ?? '', value?.toString() ?? '')
        }
        return Promise.resolve()
      }
    })
    await until(
      'reading the topic to its end',
      () => [...ends].every(([partition, end]) => (nextOffsets.get(partition) ?? 0) >= end),
      READ_LIMIT_MS
    )
  } finally {
    await reader.disconnect()
  }
  if (trades.length === 0) throw new TapedeckError('TIMED_OUT', 'No trade stands on the topic')
  return { trades: trades.sort(byPlace), records, ends, repeated: records - seen.size }
}
