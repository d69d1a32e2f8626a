import { backOff, Connection, streamUrl } from './connection.ts'
import type {
  ReplayChannel,
  ReplayCommand,
  ReplayCounts,
  ReplaySpeed,
  ReplayState,
  Rows,
  StreamMessage
} from './messages.ts'

export interface ReplayOptions {
  readonly channels: readonly ReplayChannel[]
  /** `*`: every symbol. */
  readonly symbols: '*' | readonly string[]
  /** Of bars and forecasts; `1m` unless given. */
  readonly timeframes?: readonly string[]
  /** Half-open, epoch ms or ISO 8601 with a zone; `to` is now unless given. */
  readonly from: number | string
  readonly to?: number | string
  /** 1 unless given. */
  readonly speed?: ReplaySpeed
  /** A token of the api with scope read, where reading needs one. */
  readonly token?: string | undefined
  /** Ends the replay. */
  readonly signal?: AbortSignal
  /** Told once a second and after each command. */
  readonly onProgress?: (progress: ReplayProgress) => void
}

export interface ReplayProgress {
  /** Which time of the market it is, epoch ms. */
  readonly time: number
  readonly state: ReplayState | 'ended'
  readonly speed: ReplaySpeed
  /** Rows that the api has sent on this connection. */
  readonly sent: ReplayCounts
  /** What it waits for; empty when nothing is in the way. */
  readonly reason: string
}

/** Rows that came together, to be read in the order of bars, forecasts, trades. */
export interface ReplayBatch extends Rows {
  /** Of the newest of them, epoch ms. */
  readonly time: number
}

/** Stored rows at the pace of their times. What is read after a command obeys it. */
export interface TapedeckReplay extends AsyncIterable<ReplayBatch> {
  pause(): void
  play(): void
  /** Goes on from another time of the range: epoch ms or ISO 8601 with a zone. */
  seek(time: number | string): void
  setSpeed(speed: ReplaySpeed): void
  /** Ends the iteration. */
  stop(): void
}

/** Messages that wait for the reader before the api is told to pause, and to play again. */
const WAITING = { most: 200, least: 20 } as const
const ID = 'replay'

/**
 * Replays what an api has stored. It goes on by itself at the last row when the connection breaks, each row once, and
 * the api waits for a slow reader. Works in browsers and in Node 22 and later.
 *
 *     const replay = openReplay('http://127.0.0.1:8080', { channels: ['trades'], symbols: ['AAPL'], from: '2026-03-10T14:00:00Z', speed: 60 })
 *     for await (const { trades = [] } of replay) for (const { symbol, price } of trades) console.log(symbol, price)
 *
 * @param api the address of the api, such as `http://127.0.0.1:8080`
 * @throws while iterating: Error when the api refuses the replay, a command or the token, with its message
 */
export function openReplay(api: string, options: ReplayOptions): TapedeckReplay {
  return new ClientReplay(streamUrl(api), options)
}

class ClientReplay implements TapedeckReplay {
  readonly #url: URL
  readonly #options: ReplayOptions
  readonly #stopped = new AbortController()
  #connection: Connection | undefined
  #speed: ReplaySpeed
  #isPaused = false
  /** Paused because the reader is slow. */
  #isHeld = false
  /** Seeks that the api has not answered: until then rows are from before. */
  #seeks = 0
  /** Where to go on: the time of the newest row, or of the last seek. */
  #time: number | string | undefined
  /** The rows of messages of that time, which come again when the replay goes on there. */
  #seen = new Set<string>()

  constructor(url: URL, options: ReplayOptions) {
    this.#url = url
    this.#options = options
    this.#speed = options.speed ?? 1
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReplayBatch, undefined> {
    const { signal: given, onProgress } = this.#options
    const signal = given ? AbortSignal.any([given, this.#stopped.signal]) : this.#stopped.signal
    let failures = 0
    let hasBegun = false
    while (!signal.aborted) {
      const connection = this.#connect(signal)
      try {
        for await (const message of connection) {
          if (message.type === 'error') {
            if (message.error.code === 'TOO_MANY_REPLAYS' && hasBegun) break
            throw new Error(message.error.message)
          }
          if (message.type === 'replaying') {
            hasBegun = true
            failures = 0
          } else if (message.type === 'progress') {
            if (message.answer === 'seek') this.#seeks--
            const { time, speed, sent, state, reason = '' } = message
            // To the reader it is not paused when it was only slow.
            const own = state === 'paused' && !this.#isPaused ? 'playing' : state
            if (this.#seeks === 0 || message.answer !== undefined)
              onProgress?.({ time, speed, sent, state: own, reason })
          } else if (message.type === 'replayed') {
            const { time, sent } = message
            onProgress?.({ time, sent, speed: this.#speed, state: 'ended', reason: '' })
            return undefined
          } else if (message.type === 'replay') {
            const batch = this.#batch(message)
            if (batch !== undefined) yield batch
          }
        }
      } finally {
        connection.close()
      }
      if (signal.aborted) return undefined
      await connection.failIfRefused()
      await backOff(failures++, signal)
    }
    return undefined
  }

  pause(): void {
    this.#tell(() => (this.#isPaused = true))
  }

  play(): void {
    this.#tell(() => (this.#isPaused = false))
  }

  seek(time: number | string): void {
    this.#seeks++
    this.#time = time
    this.#seen.clear()
    this.#send({ type: 'seek', id: ID, time })
  }

  setSpeed(speed: ReplaySpeed): void {
    this.#speed = speed
    this.#send({ type: 'speed', id: ID, speed })
  }

  stop(): void {
    this.#stopped.abort()
  }

  #connect(signal: AbortSignal): Connection {
    const { channels, symbols, timeframes, from, to } = this.#options
    const range = { channels, symbols, timeframes, from, to }
    const requests: object[] = [{ type: 'replay', id: ID, ...range, speed: this.#speed }]
    this.#seeks = 0
    this.#isHeld = false
    if (this.#time !== undefined) {
      requests.push({ type: 'seek', id: ID, time: this.#time })
      this.#seeks = 1
    }
    if (this.#isPaused) requests.push({ type: 'pause', id: ID })
    this.#connection = new Connection(this.#url, requests, {
      signal,
      token: this.#options.token,
      maxWaiting: Infinity,
      onWaiting: (count) => {
        if (count > WAITING.most) this.#tell(() => (this.#isHeld = true))
        else if (count < WAITING.least) this.#tell(() => (this.#isHeld = false))
      }
    })
    return this.#connection
  }

  /** Changes why it is paused, and tells the api when it is to pause or to play for that. */
  #tell(change: () => void): void {
    const wasPaused = this.#isPaused || this.#isHeld
    change()
    const isPaused = this.#isPaused || this.#isHeld
    if (isPaused !== wasPaused) this.#send({ type: isPaused ? 'pause' : 'play', id: ID })
  }

  #send(command: ReplayCommand): void {
    this.#connection?.send(command)
  }

  #batch(message: Extract<StreamMessage, { type: 'replay' }>): ReplayBatch | undefined {
    if (this.#seeks > 0) return undefined
    const { time, bars, forecasts, trades } = message
    const fresh = {
      bars: bars?.filter(({ id, status }) => this.#isNew(`${id} ${status}`)),
      forecasts: forecasts?.filter(({ id, status }) => this.#isNew(`${id} ${status}`)),
      trades: trades?.filter(({ id }) => this.#isNew(id))
    }
    if (time !== this.#time) {
      this.#seen.clear()
      this.#time = time
    }
    for (const { id, status } of [...(bars ?? []), ...(forecasts ?? [])])
      this.#seen.add(`${id} ${status}`)
    for (const { id } of trades ?? []) this.#seen.add(id)
    const rows = Object.entries(fresh).filter(([, list]) => (list?.length ?? 0) > 0)
    return rows.length === 0 ? undefined : { time, ...Object.fromEntries(rows) }
  }

  #isNew(name: string): boolean {
    return !this.#seen.has(name)
  }
}
