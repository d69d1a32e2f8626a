import { addAbortListener } from 'node:events'
import { randomBytes } from 'node:crypto'
import { fullJitter, systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import { FeedConnection, type ConnectionEnd } from './feed-connection.ts'
import type { FeedEvent } from './feed-event.ts'
import { FEED_TIMES, type FeedOptions, type FeedTimes } from './feed-options.ts'
import { Subscriptions } from './subscriptions.ts'

/** A feed that is followed until its signal aborts. */
export interface Feed {
  /**
   * The events of the feed, for one reader. It connects when first read, and ends when the signal
   * aborts, after the queued events were read.
   * @throws FEED_REFUSED when the credentials are wrong: no retry can help
   */
  readonly events: AsyncGenerator<FeedEvent, void, undefined>
  /** Sets the wanted symbols; the feed subscribes at a pace, and again on each connection. */
  setSymbols(symbols: readonly string[]): void
  /** Subscribes again to a symbol that is silent on a live connection. */
  resubscribe(symbol: string): void
}

/**
 * Follows a feed: connects, greets, subscribes, yields events, and after any failure waits with full
 * jitter and connects again.
 *
 * Back-pressure: frames wait in a bounded queue. When it is half full the socket is paused, so TCP
 * slows the sender down and nothing is dropped here.
 */
export function createFeed(
  protocol: FeedProtocol,
  options: FeedOptions,
  signal: AbortSignal
): Feed {
  return new FeedSession(protocol, options, signal)
}

class FeedSession implements Feed {
  readonly events: AsyncGenerator<FeedEvent, void, undefined>
  readonly #protocol: FeedProtocol
  readonly #options: FeedOptions
  readonly #signal: AbortSignal
  readonly #clock: Clock
  readonly #times: FeedTimes
  readonly #subscriptions: Subscriptions
  #connection: FeedConnection | undefined

  constructor(protocol: FeedProtocol, options: FeedOptions, signal: AbortSignal) {
    this.#protocol = protocol
    this.#options = options
    this.#signal = signal
    this.#clock = options.clock ?? systemClock
    this.#times = { ...FEED_TIMES, ...options.times }
    this.#subscriptions = new Subscriptions(options.symbols)
    this.events = this.#follow()
  }

  setSymbols(symbols: readonly string[]): void {
    this.#subscriptions.want(symbols)
    this.#connection?.updateSubscriptions()
  }

  resubscribe(symbol: string): void {
    this.#subscriptions.renew(symbol)
    this.#connection?.updateSubscriptions()
  }

  async *#follow(): AsyncGenerator<FeedEvent, void, undefined> {
    const delays = new ReconnectDelay(this.#times, this.#options.random)
    while (!this.#signal.aborted) {
      const id = connectionId(this.#clock.now())
      const connection = this.#connect(id)
      const stop = (): void => connection.end('asked to stop')
      try {
        using _listener = addAbortListener(this.#signal, stop)
        for (;;) {
          const event = await connection.next()
          if (event === undefined) break
          yield event
        }
      } finally {
        this.#connection = undefined
        connection.end('no longer read')
      }
      if (this.#signal.aborted) return
      const { ending, refusal } = connection
      if (refusal !== undefined) throw this.#refused(refusal)
      const retryInMs = delays.afterMs(ending)
      yield {
        kind: 'disconnected',
        connection: ending.lastedMs === undefined ? undefined : id,
        atMs: this.#clock.now(),
        cause: ending.cause,
        retryInMs
      }
      await this.#clock.delay(retryInMs, this.#signal).catch(() => undefined)
    }
  }

  #connect(connection: string): FeedConnection {
    this.#connection = new FeedConnection({
      protocol: this.#protocol,
      options: this.#options,
      times: this.#times,
      clock: this.#clock,
      connection,
      subscriptions: this.#subscriptions
    })
    return this.#connection
  }

  #refused(words: string): TapedeckError {
    const { credentials = 'key' } = this.#options
    return new TapedeckError(
      'FEED_REFUSED',
      `Cannot follow ${this.#protocol.name}: ${words}, expected a valid ${credentials}`
    )
  }
}

/**
 * The delays between connections: full jitter from 1 s up to 60 s. Only a connection that both lasted and
 * delivered a frame resets them, so that a server that always closes at once, or sends nothing, is not
 * tried every second.
 */
export class ReconnectDelay {
  readonly #times: FeedTimes
  readonly #jitterMs: (attempt: number) => number
  #attempt = 0

  constructor(times: FeedTimes, random: () => number = Math.random) {
    this.#times = times
    this.#jitterMs = fullJitter({
      baseMs: times.backoffBaseMs,
      capMs: times.backoffCapMs,
      random
    })
  }

  afterMs({ isBusy, lastedMs, frames }: ConnectionEnd): number {
    const { stableMs, busyMs } = this.#times
    if (lastedMs !== undefined && lastedMs >= stableMs && frames > 0) this.#attempt = 0
    const jitterMs = this.#jitterMs(this.#attempt++)
    return isBusy ? busyMs + jitterMs : jitterMs
  }
}

let lastMs = 0

/**
 * A name for a connection: nine characters of base-36 milliseconds, then four random hex digits. It
 * rises with time also as text, so that trades of a later connection come after those of an earlier one.
 */
export function connectionId(nowMs: number): string {
  lastMs = Math.max(lastMs + 1, nowMs)
  return lastMs.toString(36).padStart(9, '0') + randomBytes(2).toString('hex')
}
