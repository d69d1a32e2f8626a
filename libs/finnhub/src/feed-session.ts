import {
  BoundedQueue,
  fullJitterMs,
  messageOf,
  redactUrl,
  systemClock,
  TapedeckError,
  type Clock,
  type Secret
} from '@tapedeck/core'
import { WebSocket } from 'ws'
import { connectionId } from './connection-id.ts'

export interface FeedSessionOptions {
  /** ws:// or wss://, without the token. */
  readonly url: string
  readonly token: Secret
  readonly symbols: readonly string[]
  /** Frames held between socket and broker; the socket is paused at half. */
  readonly queueFrames?: number
  /** No frame at all for so long: the connection is given up. */
  readonly silenceMs?: number
  readonly clock?: Clock
}

/** What happens on the feed, in order. Times are epoch ms. */
export type FeedEvent =
  | { readonly kind: 'connected'; readonly connection: string; readonly atMs: number }
  | {
      readonly kind: 'frame'
      readonly connection: string
      /** Counts the frames of the connection from 1. */
      readonly frame: number
      readonly receivedAt: number
      readonly text: string
    }
  | {
      readonly kind: 'disconnected'
      readonly connection: string | undefined
      readonly atMs: number
      readonly cause: string
      readonly retryInMs: number
    }

const QUEUE_FRAMES = 20_000
/** Finnhub pings about every 60 s; two and a half periods without any frame mean a dead line. */
const SILENCE_MS = 150_000
const PROTOCOL_PING_MS = 25_000
const HANDSHAKE_LIMIT_MS = 15_000
const MAX_FRAME_BYTES = 4 * 1024 * 1024
const BACKOFF = { baseMs: 1000, capMs: 60_000 }
/** A session of the same key still lives on the server: trying soon again only keeps it there. */
const BUSY_MS = 30_000
const STABLE_MS = 60_000
/** Between two subscribe messages, so that a long list is no burst. */
const SUBSCRIBE_PACE_MS = 5

/**
 * Follows the feed for ever: connects, subscribes, yields events, and after any failure waits with
 * full jitter and connects again.
 *
 * Back-pressure: frames wait in a bounded queue; when it is half full the socket is paused, so TCP
 * holds the sender back and nothing is dropped here.
 * @throws FEED_REFUSED when the token is wrong: no retry can help. Ends when `signal` aborts.
 */
export async function* followFeed(
  options: FeedSessionOptions,
  signal: AbortSignal
): AsyncGenerator<FeedEvent, void, undefined> {
  const clock = options.clock ?? systemClock
  let attempt = 0
  while (!signal.aborted) {
    const startedMs = clock.now()
    const connection = connectionId(startedMs)
    const line = new FeedLine(options, connection, clock)
    const stop = (): void => line.end('asked to stop')
    signal.addEventListener('abort', stop, { once: true })
    let opened = false
    try {
      for (;;) {
        const event = await line.next()
        if (event === undefined) break
        opened ||= event.kind === 'connected'
        yield event
      }
    } finally {
      signal.removeEventListener('abort', stop)
      line.end('no longer read')
    }
    if (signal.aborted) return
    const failure = line.failure
    if (failure.status === 401) {
      throw new TapedeckError(
        'FEED_REFUSED',
        'Cannot follow the feed: the server answers 401, expected a valid FINNHUB_TOKEN'
      )
    }
    if (opened && clock.now() - startedMs >= STABLE_MS) attempt = 0
    const jitterMs = fullJitterMs(attempt++, BACKOFF)
    const retryInMs = failure.status === 429 ? BUSY_MS + jitterMs : jitterMs
    yield {
      kind: 'disconnected',
      connection: opened ? connection : undefined,
      atMs: clock.now(),
      cause: failure.cause,
      retryInMs
    }
    try {
      await clock.delay(retryInMs, signal)
    } catch {
      return
    }
  }
}

/** One connection: its socket, its queue and its timers. */
class FeedLine {
  readonly #options: FeedSessionOptions
  readonly #connection: string
  readonly #clock: Clock
  readonly #socket: WebSocket
  readonly #queue: BoundedQueue<FeedEvent>
  readonly #pauseAt: number
  #frames = 0
  #silence: NodeJS.Timeout | undefined
  #pings: NodeJS.Timeout | undefined
  #status: number | undefined
  #cause: string | undefined

  constructor(options: FeedSessionOptions, connection: string, clock: Clock) {
    this.#options = options
    this.#connection = connection
    this.#clock = clock
    const capacity = options.queueFrames ?? QUEUE_FRAMES
    // The event kinds beside frames need two places; frames decoded at the moment of the pause the rest.
    this.#queue = new BoundedQueue(capacity + 2)
    this.#pauseAt = Math.ceil(capacity / 2)
    const address = new URL(options.url)
    address.searchParams.set('token', options.token.reveal())
    this.#socket = new WebSocket(address, {
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false
    })
    this.#listen()
  }

  get failure(): { status: number | undefined; cause: string } {
    return { status: this.#status, cause: this.#cause ?? 'closed by the server' }
  }

  next(): Promise<FeedEvent | undefined> {
    return this.#queue.take()
  }

  end(cause: string): void {
    this.#cause ??= cause
    clearTimeout(this.#silence)
    clearInterval(this.#pings)
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.terminate()
    this.#queue.close()
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('open', () => {
      this.#offer({ kind: 'connected', connection: this.#connection, atMs: this.#clock.now() })
      this.#heard()
      this.#pings = setInterval(() => socket.ping(), PROTOCOL_PING_MS)
      void this.#subscribe()
    })
    socket.on('message', (data, isBinary) => {
      this.#heard()
      this.#frames++
      const bytes = data as Buffer
      this.#offer({
        kind: 'frame',
        connection: this.#connection,
        frame: this.#frames,
        receivedAt: this.#clock.now(),
        text: isBinary ? bytes.toString('latin1') : bytes.toString('utf8')
      })
      if (this.#queue.size >= this.#pauseAt && !socket.isPaused) {
        // A paused line is silent by our own doing: its silence is not counted.
        socket.pause()
        clearTimeout(this.#silence)
        this.#silence = undefined
        this.#queue.whenHalfEmpty(() => {
          socket.resume()
          this.#heard()
        })
      }
    })
    socket.on('unexpected-response', (request, response) => {
      this.#status = response.statusCode
      this.#cause = `the server answers ${response.statusCode} instead of a WebSocket`
      request.destroy()
      this.end(this.#cause)
    })
    // The error's text can hold the address with the token.
    socket.on('error', (error) => this.end(redactUrl(messageOf(error))))
    socket.on('close', (code) => this.end(`closed with code ${code}`))
  }

  async #subscribe(): Promise<void> {
    for (const symbol of this.#options.symbols) {
      if (this.#socket.readyState !== WebSocket.OPEN) return
      this.#socket.send(JSON.stringify({ type: 'subscribe', symbol }))
      await this.#clock.delay(SUBSCRIBE_PACE_MS)
    }
  }

  /** Anything came in: the line lives. */
  #heard(): void {
    const limitMs = this.#options.silenceMs ?? SILENCE_MS
    if (this.#queue.isClosed) return
    if (this.#silence === undefined) {
      this.#silence = setTimeout(() => this.end(`no frame for ${limitMs} ms`), limitMs)
    } else this.#silence.refresh()
  }

  #offer(event: FeedEvent): void {
    if (this.#queue.isClosed) return
    // Cannot happen while pausing works; if it does, a reconnect makes the loss visible.
    if (!this.#queue.offer(event)) this.end('more frames than the queue holds')
  }
}
