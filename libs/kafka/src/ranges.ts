import { randomBytes } from 'node:crypto'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Consumer, KafkaMessage } from 'kafkajs'
import { createClient, withAdmin } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { forgetGroup, leaveGroup } from './group.ts'

/** The offsets of a partition that hold records, [low, high). */
export interface Range {
  readonly low: number
  readonly high: number
}

type Ranges = ReadonlyMap<number, Range>

/** Called with each record in order; `stop` ends the read before the end. */
type Visitor = (record: KafkaMessage, partition: number) => 'stop' | undefined

interface ReadOptions {
  /** Names the reader in the broker's log, and begins the name of its group. */
  readonly clientId: string
  readonly topic: string
  readonly ranges: Ranges
  /** How long the broker may send nothing before the read fails. */
  readonly idleLimitMs: number
}

/** The offsets of each partition of a topic now; none for a topic that is missing. @throws BROKER_UNREACHABLE */
export async function rangesOf(
  config: KafkaConfig,
  topic: string,
  clientId: string
): Promise<Map<number, Range>> {
  const failure = `Cannot ask for the offsets of ${topic}`
  return withAdmin(config, clientId, failure, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return new Map()
    return rangesBy(await admin.fetchTopicOffsets(topic))
  })
}

/** The offsets that kafkajs's admin tells, by partition. */
export function rangesBy(
  offsets: readonly { readonly partition: number; readonly low: string; readonly high: string }[]
): Map<number, Range> {
  return new Map(
    offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }])
  )
}

/**
 * Reads these offsets of a topic once, each partition in order, by a group that is removed afterwards.
 * @throws BROKER_UNREACHABLE, also when the broker stops sending
 */
export async function readRanges(
  config: KafkaConfig,
  options: ReadOptions,
  visit: Visitor
): Promise<void> {
  const { clientId, topic } = options
  const ranges = new Map([...options.ranges].filter(([, { low, high }]) => high > low))
  if (ranges.size === 0) return
  const groupId = `${clientId}-${randomBytes(6).toString('hex')}`
  const consumer = createClient(config, clientId, undefined, 3).consumer({
    groupId,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false
  })
  try {
    await readAll(consumer, { ...options, ranges }, visit)
  } catch (cause) {
    const failure = `Cannot read ${topic}: ${messageOf(cause)}`
    throw new TapedeckError('BROKER_UNREACHABLE', failure, { cause })
  } finally {
    await leaveGroup(consumer).catch(() => undefined)
    await forgetGroup(config, groupId)
  }
}

async function readAll(
  consumer: Consumer,
  { topic, ranges, idleLimitMs }: ReadOptions,
  visit: Visitor
): Promise<void> {
  const unread = new Map(ranges)
  const done = Promise.withResolvers<void>()
  const silent = (): void => {
    const places = [...unread].map(([partition, { high }]) => `${high} of partition ${partition}`)
    const wanted = `expected records up to ${places.join(', ')}`
    done.reject(new Error(`nothing came for ${idleLimitMs} ms, ${wanted}`))
  }
  let idle = setTimeout(silent, idleLimitMs)
  // The await below throws it; run() may fail before that.
  done.promise.catch(() => undefined)
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) done.reject(payload.error)
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        clearTimeout(idle)
        idle = setTimeout(silent, idleLimitMs)
        const { partition } = batch
        const range = unread.get(partition)
        if (range === undefined) return Promise.resolve()
        for (const message of batch.messages) {
          const offset = Number(message.offset)
          if (offset < range.low || unread.size === 0) continue
          if (offset >= range.high) break
          if (visit(message, partition) === 'stop') unread.clear()
        }
        if (Number(batch.lastOffset()) + 1 >= range.high) unread.delete(partition)
        if (unread.size === 0) done.resolve()
        return Promise.resolve()
      }
    })
    for (const [partition, { low }] of ranges) {
      if (low > 0) consumer.seek({ topic, partition, offset: String(low) })
    }
    await done.promise
  } finally {
    clearTimeout(idle)
  }
}
