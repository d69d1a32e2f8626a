import { hasCode, messageOf, retry, type Clock } from '@tapedeck/core'
import {
  followTopics,
  openTopicIds,
  readPlacement,
  type FollowedBatch,
  type KafkaConfig
} from '@tapedeck/kafka'
import { clientLog, type ServiceContext } from '@tapedeck/service'
import type { Place } from './client.ts'
import {
  barEvents,
  forecastEvents,
  TradeEvents,
  type StreamEvent,
  type TradeRules
} from './events.ts'
import { resumeToken, type Log, type LogPositions } from './positions.ts'
import { RecentEvents } from './recent-events.ts'

/** An event with its place in its own log. */
export interface PlacedEvent {
  readonly event: StreamEvent
  readonly place: Place
}

/** Receives what the hub reads: events in order, and the point from which a client can resume after them. */
export type Listener = (events: readonly PlacedEvent[], resume: string) => void

export interface HubConfig {
  readonly kafka: KafkaConfig
  /** Names of the topics of bars and forecasts; undefined: they are not published. */
  readonly bars: string | undefined
  readonly forecasts: string | undefined
  readonly rules: Omit<TradeRules, 'placement'>
  /** Of rows that are kept for clients that come back, at most. */
  readonly memoryBytes: number
}

/** How far back the hub begins, and keeps what it read, ms. */
const KEPT_MS = 60_000

/**
 * Reads the topics once for all clients of the stream, from a minute ago on, and keeps the last minute for those
 * that come back.
 */
export class LiveHub {
  readonly recent: RecentEvents
  readonly #config: HubConfig
  readonly #context: ServiceContext
  readonly #clock: Clock
  readonly #listeners = new Set<Listener>()
  readonly #positions = new Map<Log, Map<number, number>>()
  readonly #logs: ReadonlyMap<string, Log>
  #trades: TradeEvents | undefined
  #topicId = ''
  #isReading = false
  #why = 'the broker has not answered yet'
  #waiting: PlacedEvent[] = []
  #isScheduled = false

  constructor(config: HubConfig, context: ServiceContext, clock: Clock) {
    this.#config = config
    this.#context = context
    this.#clock = clock
    this.recent = new RecentEvents(KEPT_MS, config.memoryBytes, clock)
    const { kafka, bars, forecasts } = config
    const named: readonly (readonly [string | undefined, Log])[] = [
      [kafka.topic, 'trades'],
      [bars, 'bars'],
      [forecasts, 'forecasts']
    ]
    this.#logs = new Map(
      named.flatMap(([topic, log]) => (topic === undefined ? [] : [[topic, log] as const]))
    )
  }

  /** Why nothing is read at present; undefined while the broker is read. */
  get trouble(): string | undefined {
    return this.#isReading ? undefined : this.#why
  }

  /** Next offsets to be read. */
  get positions(): LogPositions {
    return this.#positions
  }

  /** The first digits of the id of the topic of trades. */
  get topic(): string {
    return this.#topicId
  }

  get topicName(): string {
    return this.#config.kafka.topic
  }

  /** From where a client that has everything so far can resume. */
  get resume(): string {
    return resumeToken({ topic: this.#topicId, positions: this.#positions })
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads until the service stops; a broker that is away is waited for. */
  start(): void {
    const context = this.#context
    const begin = async (): Promise<void> => {
      const { kafka, rules } = this.#config
      const ids = openTopicIds(kafka, { clientId: CLIENT_ID })
      try {
        // Brokers before Kafka 2.8 give topics no id: offsets of another topic are then not recognised.
        this.#topicId = ((await ids.read()) ?? '0').slice(0, TOPIC_DIGITS)
      } finally {
        await ids.close()
      }
      this.#trades = new TradeEvents({ ...rules, placement: await readPlacement(kafka) })
    }
    const follow = async (): Promise<void> => {
      await retry(begin, {
        delayMs: () => RETRY_MS,
        signal: context.signal,
        onRetry: (error) => this.#setState(false, messageOf(error))
      })
      const follower = followTopics(this.#config.kafka, {
        clientId: CLIENT_ID,
        topics: [...this.#logs.keys()],
        sinceMs: this.#clock.now() - KEPT_MS,
        log: clientLog(context.log),
        signal: context.signal,
        begun: (positions) => {
          for (const [topic, offsets] of positions) {
            const log = this.#logs.get(topic)
            if (log !== undefined) this.#positions.set(log, new Map(offsets))
          }
          this.recent.begin(this.#positions)
        },
        read: (batch) => this.#read(batch),
        moved: (topic, partition, from, to) => {
          context.log.warn({ topic, partition, from, to }, 'the log no longer has these records')
          this.recent.forget()
        },
        state: (isReading, why) => this.#setState(isReading, why)
      })
      context.defer(() => follower.close())
    }
    follow().catch((error: unknown) => {
      if (!hasCode(error, 'ABORTED')) context.fail(error)
    })
  }

  #read({ topic, partition, records, nextOffset }: FollowedBatch): void {
    const log = this.#logs.get(topic)
    if (log === undefined) return
    for (const { offset, key, value } of records) {
      const events = this.#eventsOf(log, partition, offset, key, value)
      const place = { log, partition, offset }
      this.recent.add(place, events)
      for (const event of events) this.#waiting.push({ event, place })
    }
    this.#positions.get(log)?.set(partition, nextOffset)
    if (this.#isScheduled) return
    this.#isScheduled = true
    // One message for all that a fetch brought.
    setImmediate(() => this.#deliver())
  }

  #eventsOf(
    log: Log,
    partition: number,
    offset: number,
    key: Buffer | null,
    value: Buffer | null
  ): StreamEvent[] {
    if (log === 'bars') return barEvents(value)
    if (log === 'forecasts') return forecastEvents(value)
    const event = this.#trades?.read(partition, offset, key, value)
    return event === undefined ? [] : [event]
  }

  /** Sends what was read and is still to be sent, so that nothing of `recent` comes once more. */
  flush(): void {
    this.#deliver()
  }

  #deliver(): void {
    this.#isScheduled = false
    const events = this.#waiting
    this.#waiting = []
    if (events.length === 0) return
    const { resume } = this
    for (const listener of this.#listeners) listener(events, resume)
  }

  #setState(isReading: boolean, why: string): void {
    if (isReading !== this.#isReading) {
      const { log } = this.#context
      if (isReading) log.info('the stream reads the broker')
      else log.warn({ why }, 'the stream does not read the broker')
    }
    this.#isReading = isReading
    this.#why = why
  }
}

const CLIENT_ID = 'tapedeck-live'
const TOPIC_DIGITS = 8
const RETRY_MS = 1000
