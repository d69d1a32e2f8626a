import { once } from 'node:events'
import { hasCode, messageOf, repeat, retry, type Clock } from '@tapedeck/core'
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
import { UnsentEvents } from './unsent-events.ts'

/** An event with its place in its own log. */
export interface PlacedEvent {
  readonly event: StreamEvent
  readonly place: Place
}

/** Receives what the hub reads. */
export interface Listener {
  /** Events in order, and the point from which a client can resume after them. */
  events(events: readonly PlacedEvent[], resume: string): void
  /** No more events come: another log has taken the place of the one before, or the api stops. */
  ended(why: string): void
}

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
  /** The ends of the logs when reading began, of partitions that are not read up to there yet. */
  readonly #ends = new Map<string, number>()
  #currentByMs = Infinity
  #isReading = false
  #why = 'the broker has not answered yet'
  readonly #unsent = new UnsentEvents<PlacedEvent>(() =>
    resumeToken({ topic: this.#topicId, positions: this.#positions })
  )
  #isScheduled = false
  /** Reading is sent on again after this time, of performance.now(): with many clients in fewer, larger messages. */
  #pausedUntilMs = 0

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

  /**
   * Whether everything that was there when reading began is read. Before that, nothing is sent: to a client that does not ask
   * for what was, it is not news.
   */
  get isCurrent(): boolean {
    if (this.#ends.size > 0 && this.#clock.now() > this.#currentByMs) this.#ends.clear()
    return this.#positions.size > 0 && this.#ends.size === 0
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

  /** From where a client that was sent everything so far can resume: before what was read and is still to be sent. */
  get resume(): string {
    return this.#unsent.resume
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads until the service stops; a broker that is away is waited for, a log that takes the place of another is read. */
  start(): void {
    const { signal, fail, defer } = this.#context
    const read = async (): Promise<void> => {
      while (!signal.aborted) {
        await this.#readLog(signal)
        if (signal.aborted) this.#endAll('the api stops')
        else this.#forget()
      }
    }
    const reading = read().catch((error: unknown) => {
      if (!hasCode(error, 'ABORTED')) fail(error)
    })
    defer(() => reading)
  }

  /** Reads the topics until the one of trades is created again, or the signal aborts. */
  async #readLog(signal: AbortSignal): Promise<void> {
    const { kafka, rules } = this.#config
    const { log } = this.#context
    const ids = openTopicIds(kafka, { clientId: CLIENT_ID })
    const replaced = new AbortController()
    const ended = AbortSignal.any([signal, replaced.signal])
    try {
      const [id, placement] = await retry(() => Promise.all([ids.read(), readPlacement(kafka)]), {
        delayMs: () => RETRY_MS,
        signal,
        onRetry: (error) => this.#setState(false, messageOf(error))
      })
      // Brokers before Kafka 2.8 give topics no id: offsets of another topic are then not recognised.
      this.#topicId = (id ?? '0').slice(0, TOPIC_DIGITS)
      this.#trades = new TradeEvents({ ...rules, placement })
      const follower = followTopics(kafka, {
        clientId: CLIENT_ID,
        topics: [...this.#logs.keys()],
        sinceMs: this.#clock.now() - KEPT_MS,
        log: clientLog(log),
        signal,
        begun: (positions, ends) => this.#begin(positions, ends),
        read: (batch) => this.#read(batch),
        moved: (topic, partition, from, to) => this.#move(topic, partition, from, to),
        state: (isReading, why) => this.#setState(isReading, why)
      })
      const stopLooking = repeat(
        LOOK_MS,
        async () => {
          const found = await ids.read().catch(() => id) // it is away, or does not exist at present
          if (found !== id) replaced.abort()
        },
        (error) => this.#context.fail(error)
      )
      if (!ended.aborted) await once(ended, 'abort')
      await Promise.all([stopLooking(), follower.close()])
    } finally {
      await ids.close()
    }
  }

  #begin(...[positions, ends]: Parameters<Parameters<typeof followTopics>[1]['begun']>): void {
    this.#ends.clear()
    for (const [topic, offsets] of positions) {
      const log = this.#logs.get(topic)
      if (log === undefined) continue
      this.#positions.set(log, new Map(offsets))
      for (const [partition, offset] of offsets) {
        const end = ends.get(topic)?.get(partition) ?? 0
        if (offset < end) this.#ends.set(`${topic}/${partition}`, end)
      }
    }
    this.#currentByMs = this.#clock.now() + CURRENT_LIMIT_MS
    this.recent.begin(this.#positions)
  }

  #move(topic: string, partition: number, from: number, to: number): void {
    const log = this.#logs.get(topic)
    if (log === undefined) return
    this.#context.log.warn({ topic, partition, from, to }, 'the log no longer has these records')
    this.recent.lose(log, partition, to)
  }

  /** The log is another one: no position counts any more. */
  #forget(): void {
    this.#unsent.take()
    this.#positions.clear()
    this.recent.clear()
    const why = 'the topic was created again'
    this.#setState(false, why)
    this.#endAll(why)
  }

  #endAll(why: string): void {
    for (const listener of this.#listeners) listener.ended(why)
  }

  #read({ topic, partition, records, nextOffset }: FollowedBatch): void {
    const log = this.#logs.get(topic)
    if (log === undefined) return
    const { isCurrent } = this
    for (const { offset, key, value } of records) {
      const events = this.#eventsOf(log, partition, offset, key, value)
      const place = { log, partition, offset }
      this.recent.add(place, events)
      if (isCurrent && events.length > 0) {
        this.#unsent.add(events.map((event) => ({ event, place })))
      }
    }
    this.#positions.get(log)?.set(partition, nextOffset)
    const name = `${topic}/${partition}`
    if (nextOffset >= (this.#ends.get(name) ?? Infinity)) this.#ends.delete(name)
    if (this.#isScheduled) return
    this.#isScheduled = true
    // One message for all that a fetch brought.
    const pauseMs = this.#pausedUntilMs - performance.now()
    if (pauseMs < 1) setImmediate(() => this.#deliver())
    else setTimeout(() => this.#deliver(), pauseMs)
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
    const events = this.#unsent.take()
    if (events.length === 0) return
    const { resume } = this
    const begunMs = performance.now()
    for (const listener of this.#listeners) listener.events(events, resume)
    const endedMs = performance.now()
    this.#pausedUntilMs = endedMs + Math.min(endedMs - begunMs, MAX_PAUSE_MS)
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
/** The end of a log may be a transaction's marker, which is never read: after this time it counts as read. */
const CURRENT_LIMIT_MS = 10_000
/** After it was sent to all clients the stream pauses for as long as that took, at most this. */
const MAX_PAUSE_MS = 50
const RETRY_MS = 1000
/** How often the topic's id is looked at. */
const LOOK_MS = 2000
