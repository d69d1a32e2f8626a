import { randomBytes } from 'node:crypto'
import { TapedeckError } from '@tapedeck/core'
import { decodeRecord, PartitionFold, type FoldOptions } from '@tapedeck/domain'
import {
  createClient,
  forgetGroup,
  openTradeSource,
  type KafkaConfig,
  type RecordBatch
} from '@tapedeck/kafka'
import {
  clearShadowTrades,
  insertShadowTrades,
  tradeDocument,
  type Database,
  type ShadowTradeDocument
} from '@tapedeck/mongo'

export interface TopicReadOptions {
  /** Rules by which trades are too late, from the future or delivered again. */
  readonly fold: FoldOptions
  /** Trades outside [fromMs, toMs), epoch ms, are read and not kept. */
  readonly fromMs: number
  readonly toMs: number
  readonly symbols: readonly string[] | undefined
  readonly includeLate: boolean
  progress(records: number, ofRecords: number): void
}

interface Bounds {
  position: number
  readonly end: number
}

const INSERT_SIZE = 2000
const IDLE_LIMIT_MS = 20_000
const NEVER_MS = 1e15
/** Records between two removals of expired vendor ids. */
const FORGET_EVERY = 1000

/**
 * Reads the whole topic, classifies each trade as the consumer does, and stores those of the range in
 * `trades_shadow`, each with its offset. Uses a consumer group of its own, and deletes it afterwards.
 * @throws SERVER_MISSING without a broker that has the topic; BROKER_UNREACHABLE, also when the broker
 *   sends nothing for 20 s
 */
export async function readTopicTrades(
  kafka: KafkaConfig,
  database: Database,
  options: TopicReadOptions
): Promise<void> {
  await clearShadowTrades(database)
  const bounds = await boundsOf(kafka)
  const total = [...bounds.values()].reduce((sum, { position, end }) => sum + end - position, 0)
  if (total === 0) return
  const groupId = `tapedeck-reprocess-${randomBytes(6).toString('hex')}`
  const shadow = new ShadowWriter(database, options)
  const done = Promise.withResolvers<void>()
  done.promise.catch(() => undefined) // reported by the await below
  const silent = (): void =>
    done.reject(unreachable(kafka, `nothing received for ${IDLE_LIMIT_MS / 1000} s`))
  let idle = setTimeout(silent, IDLE_LIMIT_MS)
  let read = 0
  const source = await openTradeSource(
    kafka,
    { groupId, clientId: 'tapedeck-reprocess' },
    {
      assigned: () => undefined,
      nextOffset: (partition) => Promise.resolve(bounds.get(partition)?.position ?? 0),
      async read(batch) {
        clearTimeout(idle)
        const place = bounds.get(batch.partition)
        if (place !== undefined && place.position < place.end) {
          await shadow.write(batch, place.end)
          read += batch.nextOffset - place.position
          place.position = batch.nextOffset
          options.progress(Math.min(read, total), total)
        }
        if ([...bounds.values()].every(({ position, end }) => position >= end)) done.resolve()
        else idle = setTimeout(silent, IDLE_LIMIT_MS)
      },
      failed: (error) => done.reject(error)
    }
  ).catch((error: unknown) => {
    clearTimeout(idle)
    throw error
  })
  try {
    await done.promise
    await shadow.flush()
  } finally {
    clearTimeout(idle)
    await source.close().catch(() => undefined) // the group is deleted next
    await forgetGroup(kafka, groupId)
  }
}

/** Folds the records of each partition only to classify their trades; it makes no bars. */
class ShadowWriter {
  readonly #database: Database
  readonly #options: TopicReadOptions
  readonly #folds = new Map<number, PartitionFold>()
  #waiting: ShadowTradeDocument[] = []

  constructor(database: Database, options: TopicReadOptions) {
    this.#database = database
    this.#options = options
  }

  /** Stores the wanted trades of the records below offset `end`. */
  async write({ partition, records, heartbeat }: RecordBatch, end: number): Promise<void> {
    const { fromMs, toMs, symbols } = this.#options
    const fold = this.#foldOf(partition)
    for (const { offset, key, value } of records) {
      if (offset >= end) break
      const { record } = decodeRecord(key, value)
      if (record === undefined) continue
      const isWanted = symbols?.includes(record.symbol) ?? true
      for (const folded of fold.take(record, offset) ?? []) {
        const { exclusion, trade } = folded
        if (!isWanted || exclusion === 'redelivered' || trade.t < fromMs || trade.t >= toMs)
          continue
        this.#waiting.push({
          ...tradeDocument(record, folded),
          offset,
          isExcluded: exclusion !== undefined
        })
      }
      // Taking the state also removes expired vendor ids.
      if (offset % FORGET_EVERY === 0) fold.toState()
      if (this.#waiting.length < INSERT_SIZE) continue
      await this.flush()
      await heartbeat()
    }
  }

  async flush(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    await insertShadowTrades(this.#database, waiting)
  }

  #foldOf(partition: number): PartitionFold {
    let fold = this.#folds.get(partition)
    if (fold === undefined) {
      const { fold: rules, includeLate } = this.#options
      const limits = includeLate ? { latenessLimitMs: NEVER_MS, futureLimitMs: NEVER_MS } : {}
      fold = new PartitionFold({ ...rules, ...limits, timeframes: [] }, undefined, -Infinity)
      this.#folds.set(partition, fold)
    }
    return fold
  }
}

async function boundsOf(kafka: KafkaConfig): Promise<Map<number, Bounds>> {
  const admin = createClient(kafka, 'tapedeck-reprocess-bounds', undefined, 2).admin()
  try {
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(kafka.topic)
    return new Map(
      offsets.map(({ partition, low, high }) => [
        partition,
        { position: Number(low), end: Number(high) }
      ])
    )
  } catch (cause) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot read ${kafka.topic} at ${kafka.brokers.join(', ')}: ${String(cause)}, expected a broker with that topic`,
      { cause }
    )
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

function unreachable({ topic }: KafkaConfig, found: string): TapedeckError {
  return new TapedeckError(
    'BROKER_UNREACHABLE',
    `Cannot read ${topic}: ${found}, expected records up to the end`
  )
}
