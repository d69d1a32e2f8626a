import { backOff, Connection, streamUrl } from './connection.ts'
import type { Channel, Rows, StreamMessage } from './messages.ts'

export interface StreamOptions {
  readonly channels: readonly Channel[]
  /** `*`: every symbol. The channels `feed` and `runs` need none. */
  readonly symbols?: '*' | readonly string[]
  /** Of bars and forecasts; `1m` unless given. */
  readonly timeframes?: readonly string[]
  /** Names of flows and sequences whose runs the channel `runs` sends; every one unless given. */
  readonly jobs?: readonly string[]
  /** Begin with what is stored since then: epoch ms or ISO 8601 with a zone. Otherwise with what comes. `runs` begin with the newest. */
  readonly since?: number | string
  /** A token of the api with scope read, where reading needs one. */
  readonly token?: string | undefined
  /** Ends the stream. */
  readonly signal?: AbortSignal
  /** Told when the connection or the broker behind it is lost and found again. */
  readonly onStatus?: (isConnected: boolean, reason: string) => void
  /** Batches that wait for the reader at most; beyond it the connection is closed and resumed later. */
  readonly maxWaiting?: number
}

/** Rows that came together. */
export interface StreamBatch extends Rows {
  /** They were stored before the subscription, and are sent once. */
  readonly isSnapshot: boolean
  /**
   * Rows that are missing before these: how many trades, undefined when that is not known, and the requests that get
   * them. The reader was too slow, was away for longer than the api keeps, or asked for more than a snapshot has.
   */
  readonly dropped?: { readonly trades: number | undefined; readonly ask: readonly string[] }
}

/** Batches of rows, without a hole and without a repeat, over any number of connections. */
export type TapedeckStream = AsyncIterableIterator<StreamBatch, undefined>

/** How much of the past is asked for again when a resume point is too old: trades come late. */
const OVERLAP_MS = 60_000
const REMEMBERED = 100_000

/**
 * Subscribes to the stream of an api and keeps subscribed: a connection that breaks is made again and continued at
 * the last row, each row once. Works in browsers and in Node 22 and later.
 *
 *     for await (const { trades = [] } of openStream('http://127.0.0.1:8080', { channels: ['trades'], symbols: ['AAPL'] })) {
 *       for (const { symbol, price, size } of trades) console.log(symbol, price, size)
 *     }
 *
 * The channel `runs` begins each connection with the newest runs, and sends a run again whenever it or a task of it has
 * changed:
 *
 *     for await (const { runs = [] } of openStream('http://127.0.0.1:8080', { channels: ['runs'] })) {
 *       for (const { run, state, tasks } of runs) console.log(run, state, tasks)
 *     }
 *
 * @param api the address of the api, such as `http://127.0.0.1:8080`
 * @throws while iterating: Error when the api refuses the subscription or the token, with its message
 */
export async function* openStream(api: string, options: StreamOptions): TapedeckStream {
  const url = streamUrl(api)
  const reader = new StreamReader(options)
  let failures = 0
  const isAborted = (): boolean => options.signal?.aborted === true
  while (!isAborted()) {
    const connection = new Connection(url, [reader.request()], options)
    try {
      for await (const message of connection) {
        if (message.type === 'live') failures = 0
        const batch = reader.read(message)
        if (batch !== undefined) yield batch
      }
    } finally {
      connection.close()
    }
    if (isAborted()) return undefined
    options.onStatus?.(false, connection.reason)
    await connection.failIfRefused()
    if (reader.hasFailedToResume) continue
    await backOff(failures++, options.signal)
  }
  return undefined
}

/** Knows where the stream stands. */
class StreamReader {
  readonly #options: StreamOptions
  #resume: string | undefined
  /** Whether this connection has sent what came before: until then a break begins where it began. */
  #isLive = false
  /** Ids of trades that were read, so that an overlap repeats none; oldest first. */
  readonly #ids = new Set<string>()
  #newestMs = -Infinity
  #dropped: StreamBatch['dropped']
  #hasFailedToResume = false

  constructor(options: StreamOptions) {
    this.#options = options
  }

  /** The last answer was that the resume point is too old; the next request does without. */
  get hasFailedToResume(): boolean {
    return this.#hasFailedToResume
  }

  request(): object {
    this.#isLive = false
    const { channels, symbols, timeframes, jobs, since } = this.#options
    const selection = { type: 'subscribe', channels, symbols, timeframes, jobs }
    // Runs have no position: they begin with the newest ones, as often as it takes.
    if (channels.every((channel) => channel === 'runs')) return selection
    if (this.#resume !== undefined) return { ...selection, resume: this.#resume }
    if (!this.#hasFailedToResume) return { ...selection, since }
    this.#hasFailedToResume = false
    return { ...selection, since: Math.max(0, this.#newestMs - OVERLAP_MS) }
  }

  read(message: StreamMessage): StreamBatch | undefined {
    switch (message.type) {
      case 'error':
        if (message.error.code === 'RESUME_TOO_OLD' && this.#resume !== undefined) {
          this.#resume = undefined
          this.#hasFailedToResume = true
          return undefined
        }
        if (message.error.code === 'REQUEST_INVALID') throw new Error(message.error.message)
        return undefined
      case 'status':
        this.#options.onStatus?.(message.isReading, message.reason ?? '')
        return undefined
      case 'live':
        this.#isLive = true
        this.#options.onStatus?.(true, '')
        this.#resume = message.resume
        return undefined
      case 'heartbeat':
        if (this.#isLive && message.resume !== undefined) this.#resume = message.resume
        return undefined
      case 'dropped':
        this.#noteDropped(
          message.trades,
          message.symbols.map(({ ask }) => ask)
        )
        return undefined
      case 'cut':
        this.#noteDropped(undefined, [message.ask])
        return undefined
      case 'snapshot':
        return this.#batch(message, true)
      case 'data':
        if (this.#isLive && message.resume !== undefined) this.#resume = message.resume
        return this.#batch(message, false)
      default:
        return undefined
    }
  }

  /** Adds to what is missing before the next rows. */
  #noteDropped(trades: number | undefined, ask: readonly string[]): void {
    const before = this.#dropped
    const sum =
      trades === undefined || (before !== undefined && before.trades === undefined)
        ? undefined
        : trades + (before?.trades ?? 0)
    this.#dropped = { trades: sum, ask: [...(before?.ask ?? []), ...ask] }
  }

  #batch(
    { trades: given, bars, forecasts, feed, runs }: Rows,
    isSnapshot: boolean
  ): StreamBatch | undefined {
    const trades = given?.filter(({ id }) => !this.#ids.has(id))
    for (const { id, time } of trades ?? []) {
      this.#ids.add(id)
      if (time > this.#newestMs) this.#newestMs = time
    }
    for (const { time } of bars ?? []) if (time > this.#newestMs) this.#newestMs = time
    for (const id of this.#ids) {
      if (this.#ids.size <= REMEMBERED) break
      this.#ids.delete(id)
    }
    const dropped = this.#dropped
    const rows = {
      ...(trades !== undefined && trades.length > 0 && { trades }),
      ...(bars !== undefined && { bars }),
      ...(forecasts !== undefined && { forecasts }),
      ...(feed !== undefined && { feed }),
      ...(runs !== undefined && { runs })
    }
    if (Object.keys(rows).length === 0) return undefined
    this.#dropped = undefined
    return { isSnapshot, ...rows, ...(dropped !== undefined && { dropped }) }
  }
}
