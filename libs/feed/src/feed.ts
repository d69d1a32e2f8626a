import { systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import { connectionId } from './connection-id.ts'
import type { FeedEvent } from './feed-event.ts'
import { FeedConnection } from './feed-line.ts'
import { FEED_TIMES, type FeedOptions, type FeedTimes } from './feed-options.ts'
import { Retry } from './retry.ts'
import { Subscriptions } from './subscriptions.ts'
import { waited } from './watch.ts'

/** A feed that is followed for ever. */
export interface Feed {
  /**
   * What happens, for one reader. Connects when first read; ends when the signal aborts, after what
   * was queued is read.
   * @throws FEED_REFUSED when the credentials are wrong: no retry can help.
   */
  readonly events: AsyncGenerator<FeedEvent, void, undefined>
  /** The symbols wanted from now on; asked for and given up at a pace, and anew on each connection. */
  setSymbols(symbols: readonly string[]): void
  /** Takes one symbol off and asks for it again: for a symbol that is silent on a live connection. */
  resubscribe(symbol: string): void
}

/**
 * Follows a feed: connects, greets, subscribes, yields events, and after any failure waits with full
 * jitter and connects again.
 *
 * Back-pressure: frames wait in a bounded queue; when it is half full the socket is paused, so TCP
 * holds the sender back and nothing is dropped here.
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
  #line: FeedConnection | undefined

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
    this.#line?.ask()
  }

  resubscribe(symbol: string): void {
    this.#subscriptions.again(symbol)
    this.#line?.ask()
  }

  async *#follow(): AsyncGenerator<FeedEvent, void, undefined> {
    const retry = new Retry(this.#times, this.#options.random)
    while (!this.#signal.aborted) {
      const connection = connectionId(this.#clock.now())
      const line = this.#connect(connection)
      const stop = (): void => line.end('asked to stop')
      this.#signal.addEventListener('abort', stop, { once: true })
      try {
        for (;;) {
          const event = await line.next()
          if (event === undefined) break
          yield event
        }
      } finally {
        this.#line = undefined
        this.#signal.removeEventListener('abort', stop)
        line.end('no longer read')
      }
      if (this.#signal.aborted) return
      if (line.refusal !== undefined) throw this.#refused(line.refusal)
      const { ending } = line
      const retryInMs = retry.delayAfterMs(ending)
      yield {
        kind: 'disconnected',
        connection: ending.lastedMs === undefined ? undefined : connection,
        atMs: this.#clock.now(),
        cause: ending.cause,
        retryInMs
      }
      if (!(await waited(retryInMs, this.#clock, this.#signal))) return
    }
  }

  #connect(connection: string): FeedConnection {
    this.#line = new FeedConnection({
      protocol: this.#protocol,
      options: this.#options,
      times: this.#times,
      clock: this.#clock,
      connection,
      subscriptions: this.#subscriptions
    })
    return this.#line
  }

  #refused(words: string): TapedeckError {
    const { credentials = 'key' } = this.#options
    return new TapedeckError(
      'FEED_REFUSED',
      `Cannot follow ${this.#protocol.name}: ${words}, expected a valid ${credentials}`
    )
  }
}
