import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import { ensureTopics, Publisher, type KafkaConfig } from '@tapedeck/kafka'

export interface Backlog {
  readonly trades: number
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  /** Trades of each symbol, to be found again. */
  readonly bySymbol: ReadonlyMap<string, number>
}

const SEND_RECORDS = 1000

/** Fills a new topic with records as the producer writes them, before anybody reads. */
export async function fillTopic(
  kafka: KafkaConfig,
  given: Iterable<TradeRecord>,
  partitions: number,
  say: (text: string) => void
): Promise<Backlog> {
  await ensureTopics(kafka, { partitions })
  const publisher = new Publisher(kafka, { clientId: 'bench', topic: kafka.topic })
  const bySymbol = new Map<string, number>()
  const startedMs = performance.now()
  let batch: ReturnType<typeof encodeTradeRecord>[] = []
  let records = 0
  let bytes = 0
  const send = async (): Promise<void> => {
    await publisher.send(batch)
    batch = []
    if (records % 20_000 === 0) say(`${records} records written`)
  }
  try {
    for (const record of given) {
      const { symbol, trades } = record
      bySymbol.set(symbol, (bySymbol.get(symbol) ?? 0) + trades.length)
      const outgoing = encodeTradeRecord(record)
      batch.push(outgoing)
      records++
      bytes += outgoing.value.length
      if (batch.length === SEND_RECORDS) await send()
    }
    if (batch.length > 0) await send()
  } finally {
    await publisher.close()
  }
  const trades = [...bySymbol.values()].reduce((sum, count) => sum + count, 0)
  return { trades, records, bytes, seconds: (performance.now() - startedMs) / 1000, bySymbol }
}
