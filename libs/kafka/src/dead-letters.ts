import { randomBytes } from 'node:crypto'
import { messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import type { Consumer } from 'kafkajs'
import { createClient, deadTopicOf, withAdmin, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { forgetGroup } from './group.ts'
import { openSerialPublisher } from './publisher.ts'

/** A frame or record that did not fit the schema, where it was, and why. */
export interface DeadLetter {
  readonly reason: string
  /** `producer` for a frame, `consumer` for a record. */
  readonly stage: 'producer' | 'consumer'
  readonly partition?: number
  readonly offset?: number
  /** Of a batch that cannot be decoded: offset of its last record; `offset` is that of its first. */
  readonly lastOffset?: number
  /** The payload as received; text of at most 100 000 characters. */
  readonly raw: string
  /** Set when `raw` is not text but the bytes of a batch. */
  readonly encoding?: 'base64'
}

const MAX_RAW = 100_000
/** Letters can be large; a broker accepts a megabyte in one send. */
const SEND_SIZE = 100

export interface DeadLetters {
  /** Resolves when the letter is on the topic. @throws PUBLISH_FAILED */
  send(letters: readonly DeadLetter[]): Promise<void>
  close(): Promise<void>
}

/** Stores refused records on `<topic>.dead`: one JSON value each, with reason and coordinates. */
export function openDeadLetters(
  config: KafkaConfig,
  options: { readonly clientId: string; readonly log?: ClientLog }
): DeadLetters {
  const { topic } = config
  const deadTopic = deadTopicOf(topic)
  const publisher = openSerialPublisher(config, {
    ...options,
    topic: deadTopic,
    sendSize: SEND_SIZE
  })
  return {
    send: (letters) =>
      publisher.send(
        letters.map((letter) => ({
          key: letter.reason,
          value: JSON.stringify({
            ...(letter.stage === 'consumer' && { topic }),
            ...letter,
            raw: letter.raw.slice(0, MAX_RAW)
          })
        }))
      ),
    close: () => publisher.close()
  }
}

/** One record of the dead-letter topic. */
export interface DeadRecord {
  /** Its offset on the dead-letter topic. */
  readonly offset: number
  /** When it was put there, epoch ms. */
  readonly storedAtMs: number
  readonly key: string
  readonly value: string
}

interface DeadReadOptions {
  /** First offset to read; the topic's first by default. */
  readonly from?: number
  /** How long the broker may send nothing before the read fails. */
  readonly idleLimitMs?: number
}

/** `stop` ends the read before the end. */
type DeadVisitor = (record: DeadRecord) => 'stop' | undefined

const IDLE_LIMIT_MS = 20_000
const CLOSE_LIMIT_MS = 3500

/**
 * Reads `<topic>.dead` in order up to the end that it has when the read begins. A missing topic is
 * empty.
 *
 * @throws BROKER_UNREACHABLE, also when the broker stops sending; CONFIG_INVALID when the topic has
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
  const failure = `Cannot ask for the offsets of ${topic}`
  return withAdmin(config, 'tapedeck-dead-bounds', failure, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return { low: 0, high: 0 }
    const offsets = await admin.fetchTopicOffsets(topic)
    if (offsets.length === 1) {
      return { low: Number(offsets[0]?.low ?? 0), high: Number(offsets[0]?.high ?? 0) }
    }
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot read ${topic}: it has ${offsets.length} partitions, expected 1 as tapedeck makes it`
    )
  })
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
