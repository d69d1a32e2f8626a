import { hasCode, messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import {
  CompressionTypes,
  Partitioners,
  type ICustomPartitioner,
  type Kafka,
  type Producer
} from 'kafkajs'
import { createClient, readPlacement, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'

export interface OutgoingRecord {
  /** Decides the partition (murmur2, as the Java client does); the symbol for trades, placed as placement.ts says. */
  readonly key: string
  readonly value: string
  /** Overrides the partition of the key. */
  readonly partition?: number | undefined
  readonly headers?: Readonly<Record<string, string>>
}

interface PublisherOptions {
  readonly clientId: string
  readonly topic: string
  readonly log?: ClientLog
  /** Compresses each batch by gzip, which every client of Kafka reads. */
  readonly isCompressed?: boolean
}

/**
 * Records in one send at most: kafkajs groups messages per partition in O(n^2), and 1 000 is where
 * its throughput peaks.
 */
export const MAX_SEND_RECORDS = 1000

/** Kafka's error codes for a record that a broker will never accept. */
const REFUSALS: readonly unknown[] = [
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT'
]

const SEND_LIMIT_MS = 30_000
const CLOSE_LIMIT_MS = 3000

/**
 * Publishes records with an idempotent producer, acknowledged by all in-sync replicas.
 *
 * At most one send is in flight, retries included: kafkajs reuses sequence numbers when several sends
 * fail, and then loses one silently. After a failed send the producer is replaced, so a record may be
 * on the topic twice; readers identify records by connection, frame and symbol.
 *
 * A send counts only when every partition acknowledged it. In a retry kafkajs asks only brokers that have not
 * answered yet: where a partition has moved from a dead broker to one that has answered for others, it leaves
 * that partition's records out and reports success.
 */
export class Publisher {
  readonly #client: Kafka
  readonly #topic: string
  readonly #compression: CompressionTypes
  readonly #readPlacement: (() => Promise<number>) | undefined
  #producer: Producer | undefined
  #isSending = false
  #isClosed = false
  /** The partitions of the send in flight. */
  readonly #sentTo = new Set<number>()

  constructor(
    config: KafkaConfig,
    { clientId, topic, log, isCompressed = false }: PublisherOptions
  ) {
    this.#client = createClient(config, clientId, log)
    this.#topic = topic
    this.#compression = isCompressed ? CompressionTypes.GZIP : CompressionTypes.None
    this.#readPlacement = topic === config.topic ? () => readPlacement(config) : undefined
  }

  /**
   * Sends up to MAX_SEND_RECORDS records in order and resolves when all replicas have them.
   * @throws PUBLISH_FAILED or BROKER_UNREACHABLE: the same records may be sent again; RECORD_REFUSED
   *   when the broker will never accept one of them; the others may be on the topic or not
   */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length > MAX_SEND_RECORDS) {
      throw new RangeError(`${records.length} records in one send, expected ${MAX_SEND_RECORDS}`)
    }
    if (this.#isSending) throw new RangeError('A send is in flight, expected one at a time')
    this.#isSending = true
    try {
      const producer = await this.#connected()
      const messages = records.map(({ key, value, headers, partition }) => ({
        key,
        value,
        ...(partition !== undefined && { partition }),
        ...(headers !== undefined && { headers: { ...headers } })
      }))
      this.#sentTo.clear()
      const acknowledged = await withTimeout(
        producer.send({ topic: this.#topic, acks: -1, compression: this.#compression, messages }),
        SEND_LIMIT_MS,
        'Publishing'
      )
      for (const { partition } of acknowledged) this.#sentTo.delete(partition)
      if (this.#sentTo.size > 0) {
        const partitions = [...this.#sentTo].join(', ')
        throw new Error(`no acknowledgement for partitions ${partitions}, expected one for each`)
      }
    } catch (cause) {
      await this.#drop()
      if (hasCode(cause, 'BROKER_UNREACHABLE')) throw cause
      const type = (cause as { readonly type?: unknown } | undefined)?.type
      if (REFUSALS.includes(type)) {
        const message = `${this.#topic} refuses a record: ${String(type)}`
        throw new TapedeckError('RECORD_REFUSED', message, { cause })
      }
      throw new TapedeckError(
        'PUBLISH_FAILED',
        `Cannot publish ${records.length} records to ${this.#topic}: ${messageOf(cause)}`,
        { cause }
      )
    } finally {
      this.#isSending = false
    }
  }

  /** Disconnects; a send that is under way fails, and so does every later one. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#drop()
  }

  async #connected(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    const placement = await this.#readPlacement?.()
    const producer = this.#client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => {
        const choose = partitionerOf(placement)
        return (record) => {
          const partition = choose(record)
          this.#sentTo.add(partition)
          return partition
        }
      },
      retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 8 }
    })
    try {
      await producer.connect()
      // A producer that was made meanwhile would outlive this.
      if (this.#isClosed) throw new Error('the publisher was closed')
    } catch (cause) {
      await producer.disconnect().catch(() => undefined)
      throw new TapedeckError(
        'BROKER_UNREACHABLE',
        `Cannot reach Kafka: ${messageOf(cause)}, expected a broker at KAFKA_BROKERS`,
        { cause }
      )
    }
    this.#producer = producer
    return producer
  }

  async #drop(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    if (producer === undefined) return
    // disconnect() can hang on a dead broker (tulios/kafkajs#918).
    await withTimeout(producer.disconnect(), CLOSE_LIMIT_MS, 'Disconnecting').catch(() => undefined)
  }
}

/** Kafka's own choice by the key, among the first `placement` partitions where it is given. */
function partitionerOf(placement: number | undefined): ReturnType<ICustomPartitioner> {
  const choose = Partitioners.DefaultPartitioner()
  if (placement === undefined) return choose
  return (args) =>
    choose({ ...args, partitionMetadata: args.partitionMetadata.slice(0, placement) })
}

export interface SerialPublisher {
  /** Resolves when all records are on the topic, in order. @throws PUBLISH_FAILED, BROKER_UNREACHABLE */
  send(records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

/** Characters in one send: the client makes one batch a partition, and a broker accepts a megabyte. */
const SEND_LENGTH = 600_000

/**
 * A publisher for several callers: their calls run one after another, each in sends that a broker
 * accepts. A failed call does not stop the next.
 */
export function openSerialPublisher(
  config: KafkaConfig,
  { sendSize = MAX_SEND_RECORDS, ...options }: PublisherOptions & { readonly sendSize?: number }
): SerialPublisher {
  const publisher = new Publisher(config, options)
  let tail: Promise<void> = Promise.resolve()
  const sendAll = async (records: readonly OutgoingRecord[]): Promise<void> => {
    for (const group of groupsOf(records, sendSize)) await publisher.send(group)
  }
  return {
    send(records) {
      const sent = tail.then(() => sendAll(records))
      tail = sent.catch(() => undefined) // reported to its caller
      return sent
    },
    close: () => publisher.close()
  }
}

function groupsOf(records: readonly OutgoingRecord[], sendSize: number): OutgoingRecord[][] {
  const groups: OutgoingRecord[][] = []
  let group: OutgoingRecord[] = []
  let length = 0
  for (const record of records) {
    if (group.length === sendSize || (length > 0 && length + record.value.length > SEND_LENGTH)) {
      groups.push(group)
      group = []
      length = 0
    }
    group.push(record)
    length += record.value.length
  }
  if (group.length > 0) groups.push(group)
  return groups
}
