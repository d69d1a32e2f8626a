/**
 * A child of `npm run bench:floor`: reads a topic and stores each trade, and does nothing else: no bars, no checkpoint, no
 * order between what is stored and what is committed. It runs until
 * it is killed.
 */
import { decodeRecord, tradeId } from '@tapedeck/domain'
import { createClient } from '@tapedeck/kafka'
import { insertTrades, openDatabase, tradeDocument, type TradeDocument } from '@tapedeck/mongo'
import type { FloorTask } from './floor-run.ts'

/** As in the consumer: throughput does not rise with more documents or more inserts at once. */
const INSERT_SIZE = 2000
const MAX_IN_FLIGHT = 2

interface Message {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A record as the producer writes it: see encodeTradeRecord. */
interface PlainRecord {
  readonly feed: string
  readonly symbol: string
  readonly connection: string
  readonly frame: number
  readonly receivedAt: number
  readonly indexes: readonly number[]
  readonly trades: readonly {
    readonly p: number
    readonly t: number
    readonly v: number
    readonly c?: readonly string[]
  }[]
}

/** What a user would write first: parsed, not checked. */
function* plainDocuments({ value }: Message): Generator<Partial<TradeDocument>> {
  const record = JSON.parse(value?.toString() ?? '') as PlainRecord
  const { feed, symbol, connection, frame, receivedAt, indexes, trades } = record
  for (const [i, { p, v, t, c }] of trades.entries()) {
    yield {
      _id: `${connection}-${frame}-${indexes[i]}`,
      symbol,
      price: p,
      size: v,
      tradedAt: new Date(t),
      receivedAt: new Date(receivedAt),
      conditions: c ?? null,
      feed
    }
  }
}

/** Decoded and checked as in the consumer; session, date and eligibility are the same for all. */
function* tapedeckDocuments({ key, value }: Message): Generator<TradeDocument> {
  const { record } = decodeRecord(key, value)
  if (record === undefined) return
  for (const [i, trade] of record.trades.entries()) {
    yield tradeDocument(record, {
      id: tradeId({ ...record, index: record.indexes[i] ?? i }),
      trade,
      session: 'regular',
      tradeDate: '2026-03-10',
      eligibility: 0,
      exclusion: undefined,
      byMs: 0
    })
  }
}

async function main({ kafka, group, mongo, loop }: FloorTask): Promise<void> {
  const database = await openDatabase(mongo)
  const plain = database.db.collection<TradeDocument>('trades', {
    writeConcern: { w: 1, journal: false }
  })
  const insert = (documents: readonly Partial<TradeDocument>[]): Promise<unknown> =>
    loop === 'plain'
      ? plain.insertMany(documents as TradeDocument[], { ordered: false })
      : insertTrades(database, documents as readonly TradeDocument[])
  const documentsOf = loop === 'plain' ? plainDocuments : tapedeckDocuments
  const inFlight = new Set<Promise<unknown>>()
  const store = async (documents: readonly Partial<TradeDocument>[]): Promise<void> => {
    while (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight)
    const inserted = insert(documents).finally(() => inFlight.delete(inserted))
    inFlight.add(inserted)
  }
  const consumer = createClient(kafka, 'bench').consumer({ groupId: group, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [kafka.topic], fromBeginning: true })
  await consumer.run({
    async eachBatch({ batch }) {
      let documents: Partial<TradeDocument>[] = []
      for (const message of batch.messages) {
        for (const document of documentsOf(message)) documents.push(document)
        if (documents.length < INSERT_SIZE) continue
        await store(documents)
        documents = []
      }
      if (documents.length > 0) await store(documents)
    }
  })
}

// The benchmark that started it has ended.
process.once('disconnect', () => process.exit())
await main(JSON.parse(process.argv[2] ?? '') as FloorTask)
