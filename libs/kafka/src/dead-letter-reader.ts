import { randomBytes } from 'node:crypto'
import { messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import type { Consumer } from 'kafkajs'
import { createClient, deadTopicOf } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { forgetGroup } from './forget-group.ts'

/** One record of the dead-letter topic as it stands there. */
export interface DeadRecord {
  /** Its offset on the dead-letter topic. */
  readonly offset: number
  /** When it was put there, epoch ms. */
  readonly storedAtMs: number
  readonly key: string
  readonly value: string
}

export interface DeadReadOptions {
  /** First offset to read; the topic's first by default. */
  readonly from?: number
  /** How long the broker may give nothing before the read fails. */
  readonly idleLimitMs?: number
}

/** `stop` ends the read before the end. */
export type DeadVisitor = (record: DeadRecord) => 'stop' | undefined

const IDLE_LIMIT_MS = 20_000
const CLOSE_LIMIT_MS = 3500

/**
 * Reads `<topic>.dead` from its beginning to the end it had when the read began, in order. A topic
 * that is not there holds nothing.
 *
 * @throws BROKER_UNREACHABLE, also when the broker falls silent; CONFIG_INVALID when the topic has
 *   more partitions than the one that tapedeck makes: an offset would not name a letter
 */
export async function readDeadTopic(
  config: KafkaConfig,
  visit: DeadVisitor,
  { from = 0, idleLimitMs = IDLE_LIMIT_MS }: DeadReadOptions = {}
): Promise<void> {
  const topic = deadTopicOf(config.topic)
  const bounds = await boundsOf(config, topic)
  const first = Math.max(from, bounds.low)
  if (first >= bounds.high) return
  const kafka = createClient(config, 'tapedeck-dead', undefined, 3)
  const groupId = `tapedeck-dead-${randomBytes(6).toString('hex')}`
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false })
  try {
    await readRange(consumer, topic, { first, end: bounds.high, idleLimitMs }, visit)
  } catch (cause) {
    throw new TapedeckError('BROKER_UNREACHABLE', `Cannot read ${topic}: ${messageOf(cause)}`, {
      cause
    })
  } finally {
    await withTimeout(consumer.disconnect(), CLOSE_LIMIT_MS, 'Leaving').catch(() => undefined)
    await forgetGroup(config, groupId)
  }
}

async function boundsOf(
  config: KafkaConfig,
  topic: string
): Promise<{ readonly low: number; readonly high: number }> {
  const admin = createClient(config, 'tapedeck-dead-bounds', undefined, 1).admin()
  try {
    await admin.connect()
    if (!(await admin.listTopics()).includes(topic)) return { low: 0, high: 0 }
    const offsets = await admin.fetchTopicOffsets(topic)
    if (offsets.length === 1) {
      return { low: Number(offsets[0]?.low ?? 0), high: Number(offsets[0]?.high ?? 0) }
    }
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot read ${topic}: it has ${offsets.length} partitions, expected 1 as tapedeck makes it`
    )
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      `Cannot ask for the offsets of ${topic}: ${messageOf(cause)}`,
      { cause }
    )
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

async function readRange(
  consumer: Consumer,
  topic: string,
  { first, end, idleLimitMs }: { first: number; end: number; idleLimitMs: number },
  visit: DeadVisitor
): Promise<void> {
  const done = Promise.withResolvers<void>()
  let isDone = false
  const finish = (): void => {
    isDone = true
    done.resolve()
  }
  const silent = (): void =>
    done.reject(new Error(`nothing came for ${idleLimitMs} ms, expected records up to ${end}`))
  let idle = setTimeout(silent, idleLimitMs)
  // Thrown by the await below; the run may fail before that is reached.
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
        for (const { offset, timestamp, key, value } of batch.messages) {
          const at = Number(offset)
          if (isDone || at < first) continue
          if (at >= end) break
          const record = { offset: at, storedAtMs: Number(timestamp), key: key?.toString() ?? '' }
          const answer = visit({ ...record, value: value?.toString() ?? '' })
          if (answer === 'stop') finish()
        }
        if (Number(batch.lastOffset()) + 1 >= end) finish()
        return Promise.resolve()
      }
    })
    if (first > 0) consumer.seek({ topic, partition: 0, offset: String(first) })
    await done.promise
  } finally {
    clearTimeout(idle)
  }
}
