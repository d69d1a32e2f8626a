import { TapedeckError } from '@tapedeck/core'
import { deadTopicOf, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { openSerialPublisher } from './publisher.ts'
import { rangesOf, readRanges } from './ranges.ts'

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
const CLIENT_ID = 'tapedeck-dead'

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
  const ranges = await rangesOf(config, topic, CLIENT_ID)
  if (ranges.size > 1) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot read ${topic}: it has ${ranges.size} partitions, expected 1 as tapedeck makes it`
    )
  }
  for (const [partition, { low, high }] of ranges) {
    ranges.set(partition, { low: Math.max(from, low), high })
  }
  const options = { clientId: CLIENT_ID, topic, ranges, idleLimitMs }
  await readRanges(config, options, ({ offset, timestamp, key, value }) =>
    visit({
      offset: Number(offset),
      storedAtMs: Number(timestamp),
      key: key?.toString() ?? '',
      value: value?.toString() ?? ''
    })
  )
}
