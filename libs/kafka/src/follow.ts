import { addAbortListener } from 'node:events'
import { randomBytes } from 'node:crypto'
import { fullJitter, hasCode, messageOf, retry, TapedeckError, withTimeout } from '@tapedeck/core'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { createClient, withAdmin, type ClientLog } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { forgetGroup, leaveGroup } from './group.ts'

/** Consecutive records of one partition as they were appended. */
export interface FollowedBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly FollowedRecord[]
  /** Offset after the last one of the batch. */
  readonly nextOffset: number
}

interface FollowedRecord {
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Next offset of each partition of each topic. */
type Positions = ReadonlyMap<string, ReadonlyMap<number, number>>

interface FollowOptions {
  readonly clientId: string
  readonly topics: readonly string[]
  /** Begins with the first record of this time, epoch ms; at the end where there is none. */
  readonly sinceMs: number
  readonly log?: ClientLog
  readonly signal: AbortSignal
  /** Called once, before the first record, with the offsets where reading begins, and the ends of the logs at that time. */
  begun(positions: Positions, ends: Positions): void
  /** Records of a partition in order, each once. */
  read(batch: FollowedBatch): void
  /** The log no longer has the records that come next: it was created again, or they were removed. */
  moved(topic: string, partition: number, from: number, to: number): void
  /** Whether the broker is read at present; `why` says what is in the way. */
  state(isReading: boolean, why: string): void
}

const CLOSE_LIMIT_MS = 3500
const delayMs = fullJitter({ baseMs: 250, capMs: 3000 })

/**
 * Follows topics from a time on for as long as the process runs, outside of any consumer group that
 * others know: nothing is committed, and no partition is shared with another process. A broker that is away
 * is waited for, and reading goes on where it stopped.
 */
export function followTopics(
  config: KafkaConfig,
  options: FollowOptions
): { close(): Promise<void> } {
  const ended = new AbortController()
  const signal = AbortSignal.any([options.signal, ended.signal])
  const follower = new Follower(config, options)
  const running = retry(() => follower.follow(signal), {
    delayMs,
    signal,
    stableMs: 10_000,
    isRetryable: () => true,
    onRetry: (error) => options.state(false, messageOf(error))
  }).catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) throw error
  })
  return {
    async close() {
      ended.abort()
      await withTimeout(running, CLOSE_LIMIT_MS, 'Leaving').catch(() => undefined)
      if (follower.groupId !== undefined) await forgetGroup(config, follower.groupId)
    }
  }
}

class Follower {
  readonly #config: KafkaConfig
  readonly #options: FollowOptions
  #groupId: string | undefined
  /** Next offsets; empty until the topics were seen for the first time. */
  readonly #next = new Map<string, Map<number, number>>()

  constructor(config: KafkaConfig, options: FollowOptions) {
    this.#config = config
    this.#options = options
  }

  /** The last group that was read in; undefined before the first one. */
  get groupId(): string | undefined {
    return this.#groupId
  }

  /** Reads until the signal aborts. @throws whatever ends the reading */
  async follow(signal: AbortSignal): Promise<void> {
    const { clientId, topics, log } = this.#options
    if (this.#next.size === 0) await this.#begin()
    // Nothing below would hear of it.
    if (signal.aborted) throw new TapedeckError('ABORTED', 'Following ended')
    // A group of its own for each try: the former one would wait for the session of the member whose connection was lost. It
    // holds no offsets, so the broker removes it when that session ends.
    const groupId = `${clientId}-${randomBytes(6).toString('hex')}`
    this.#groupId = groupId
    const consumer = createClient(this.#config, clientId, log, 3).consumer({
      groupId,
      sessionTimeout: 30_000,
      maxWaitTimeInMs: 500,
      minBytes: 1,
      allowAutoTopicCreation: false,
      // New partitions are read within this time.
      metadataMaxAge: 5000,
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 2000,
        retries: 5,
        restartOnFailure: () => Promise.resolve(false)
      }
    })
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => undefined)
    const stop = (): void => failed.reject(new TapedeckError('ABORTED', 'Following ended'))
    using _listener = addAbortListener(signal, stop)
    /** Where each partition was sought to: a second mismatch there is the log's own. */
    const sought = new Map<string, number>()
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      sought.clear()
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) this.#seek(consumer, topic, partition)
      }
      this.#options.state(true, '')
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#options.state(false, messageOf(payload.error))
      failed.reject(payload.error)
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [...topics], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatch: (payload) => {
          this.#read(payload, consumer, sought)
          return Promise.resolve()
        }
      })
      await failed.promise
    } finally {
      await leaveGroup(consumer).catch(() => undefined)
    }
  }

  async #begin(): Promise<void> {
    const { clientId, topics, sinceMs, begun } = this.#options
    const ends = new Map<string, ReadonlyMap<number, number>>()
    await withAdmin(this.#config, clientId, 'Cannot follow the topics', async (admin) => {
      for (const topic of topics) {
        const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs)
        this.#next.set(topic, new Map(offsets.map(offsetOf)))
        ends.set(topic, new Map((await admin.fetchTopicOffsets(topic)).map(offsetOf)))
      }
    })
    begun(this.#next, ends)
  }

  #seek(consumer: Consumer, topic: string, partition: number): void {
    // A partition that was not there at the beginning has only new records.
    const offset = this.#next.get(topic)?.get(partition) ?? 0
    consumer.seek({ topic, partition, offset: String(offset) })
  }

  #read({ batch }: EachBatchPayload, consumer: Consumer, sought: Map<string, number>): void {
    const { topic, partition } = batch
    const name = `${topic}/${partition}`
    const ofTopic = this.#next.get(topic)
    const position = ofTopic?.get(partition) ?? 0
    const first = Number(batch.firstOffset())
    if (first !== position) {
      if (sought.get(name) !== position) {
        sought.set(name, position)
        this.#seek(consumer, topic, partition)
        return
      }
      this.#options.moved(topic, partition, position, first)
    }
    sought.delete(name)
    const nextOffset = Number(batch.lastOffset()) + 1
    ofTopic?.set(partition, nextOffset)
    const records = batch.messages.map((message) => ({
      offset: Number(message.offset),
      key: message.key,
      value: message.value
    }))
    this.#options.read({ topic, partition, records, nextOffset })
  }
}

function offsetOf({ partition, offset }: { partition: number; offset: string }): [number, number] {
  return [partition, Number(offset)]
}
