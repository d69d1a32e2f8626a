import { randomBytes } from 'node:crypto'
import { messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import { createClient, withAdmin } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { forgetGroup } from './group.ts'

/** A record near the end of its partition. */
interface TailRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Records of each partition that are read; the last ones may be markers of transactions. */
const TAIL_RECORDS = 20
const READ_LIMIT_MS = 20_000
const CLOSE_LIMIT_MS = 3500

/**
 * The last records of each partition of the topic, at most twenty, ascending by offset. None for a topic
 * that is empty or missing.
 * @throws BROKER_UNREACHABLE, also when the records do not come within twenty seconds
 */
export async function readTail(config: KafkaConfig): Promise<TailRecord[]> {
  const bounds = await boundsOf(config)
  if (bounds.size === 0) return []
  const groupId = `tapedeck-tail-${randomBytes(6).toString('hex')}`
  const consumer = createClient(config, 'tapedeck-tail', undefined, 3).consumer({
    groupId,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false
  })
  const tail: TailRecord[] = []
  const read = async (): Promise<void> => {
    const waiting = new Set(bounds.keys())
    const done = Promise.withResolvers<void>()
    done.promise.catch(() => undefined) // thrown by the await below, unless run() fails before
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) done.reject(payload.error)
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [config.topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        const { partition } = batch
        const range = bounds.get(partition)
        if (range === undefined || !waiting.has(partition)) return Promise.resolve()
        for (const { offset, key, value } of batch.messages) {
          const isWithin = Number(offset) >= range.first && Number(offset) < range.end
          if (isWithin) tail.push({ partition, key, value })
        }
        if (Number(batch.lastOffset()) + 1 >= range.end) waiting.delete(partition)
        if (waiting.size === 0) done.resolve()
        return Promise.resolve()
      }
    })
    for (const [partition, { first }] of bounds) {
      consumer.seek({ topic: config.topic, partition, offset: String(first) })
    }
    await done.promise
  }
  try {
    await withTimeout(read(), READ_LIMIT_MS, 'Reading')
    return tail
  } catch (cause) {
    const failure = `Cannot read the end of ${config.topic}: ${messageOf(cause)}`
    throw new TapedeckError('BROKER_UNREACHABLE', failure, { cause })
  } finally {
    await withTimeout(consumer.disconnect(), CLOSE_LIMIT_MS, 'Leaving').catch(() => undefined)
    await forgetGroup(config, groupId)
  }
}

async function boundsOf(config: KafkaConfig): Promise<Map<number, { first: number; end: number }>> {
  const failure = `Cannot ask for the offsets of ${config.topic}`
  return withAdmin(config, 'tapedeck-tail-bounds', failure, async (admin) => {
    if (!(await admin.listTopics()).includes(config.topic)) return new Map()
    const offsets = await admin.fetchTopicOffsets(config.topic)
    return new Map(
      offsets
        .map(({ partition, low, high }) => {
          const [from, end] = [Number(low), Number(high)]
          return [partition, { first: Math.max(from, end - TAIL_RECORDS), end }] as const
        })
        .filter(([, { first, end }]) => end > first)
    )
  })
}
