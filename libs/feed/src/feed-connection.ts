import { BoundedQueue, messageOf, redactUrl, type Clock } from '@tapedeck/core'
import type { FeedProtocol, Frame } from '@tapedeck/domain'
import { WebSocket } from 'ws'
import type { FeedEvent } from './feed-event.ts'
import type { FeedOptions, FeedTimes } from './feed-options.ts'
import { Liveness, watch } from './liveness.ts'
import { Subscriber, type Subscriptions } from './subscriptions.ts'

const QUEUE_FRAMES = 20_000
/** Room for events other than frames: several for each symbol of the largest plan. */
const OTHER_EVENTS = 50_000
const MAX_FRAME_BYTES = 4 * 1024 * 1024

/** How a connection ended. */
export interface ConnectionEnd {
  readonly cause: string
  /** Another session holds the key (429, or the feed says so). */
  readonly isBusy: boolean
  /** How long it was open, ms; undefined when it never opened. */
  readonly lastedMs: number | undefined
  readonly frames: number
}

interface ConnectionSetup {
  readonly protocol: FeedProtocol
  readonly options: FeedOptions
  readonly times: FeedTimes
  readonly clock: Clock
  readonly connection: string
  readonly subscriptions: Subscriptions
}

/** One connection: its socket, event queue, subscriber and liveness. Nothing of it outlives `end`. */
export class FeedConnection {
  readonly #setup: ConnectionSetup
  readonly #socket: WebSocket
  readonly #queue: BoundedQueue<FeedEvent>
  readonly #pauseAt: number
  readonly #resumeAt: number
  readonly #ended = new AbortController()
  #liveness: Liveness | undefined
  #subscriber: Subscriber | undefined
  #openedMs: number | undefined
  #endedMs: number | undefined
  #isHeld = false
  #frames = 0
  #cause: string | undefined
  #isBusy = false
  #refusal: string | undefined
  #pings = 0
  readonly #answers = new Map<string, () => void>()

  constructor(setup: ConnectionSetup) {
    this.#setup = setup
    const { protocol, options, times } = setup
    const capacity = options.queueFrames ?? QUEUE_FRAMES
    this.#queue = new BoundedQueue(capacity + OTHER_EVENTS)
    this.#pauseAt = Math.ceil(capacity / 2)
    this.#resumeAt = Math.floor(this.#pauseAt / 2)
    const { url, headers } = protocol.address()
    this.#socket = new WebSocket(url, {
      handshakeTimeout: times.handshakeMs,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      ...(headers === undefined ? {} : { headers })
    })
    this.#listen()
  }

  /** The next event; undefined when the connection has ended and every event was read. */
  next(): Promise<FeedEvent | undefined> {
    if (this.#isHeld && this.#queue.size <= this.#resumeAt) this.#release()
    return this.#queue.take()
  }

  /** Subscribes and unsubscribes after the wanted symbols changed. */
  updateSubscriptions(): void {
    this.#subscriber?.update()
  }

  end(cause: string): void {
    if (this.#isEnded) return
    this.#cause = cause
    this.#endedMs = this.#setup.clock.now()
    this.#ended.abort()
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.terminate()
    this.#queue.close()
  }

  /** The words of the feed or the server when the credentials are wrong. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** How it ended; meaningful only after it has. */
  get ending(): ConnectionEnd {
    const opened = this.#openedMs
    const endedMs = this.#endedMs ?? this.#setup.clock.now()
    return {
      cause: this.#cause ?? 'closed by the server',
      isBusy: this.#isBusy,
      lastedMs: opened === undefined ? undefined : endedMs - opened,
      frames: this.#frames
    }
  }

  get #isEnded(): boolean {
    return this.#ended.signal.aborted
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('open', () => this.#open())
    // A binary frame holds the same UTF-8 as a text one.
    socket.on('message', (data: Buffer) => {
      this.#message(data.toString('utf8'))
    })
    socket.on('pong', (data) => {
      this.#liveness?.pong(this.#setup.clock.now())
      this.#answers.get(data.toString())?.()
    })
    socket.on('unexpected-response', (request, { statusCode }) => {
      request.destroy()
      if (statusCode === 401) this.#refusal = 'the server answers 401'
      this.#isBusy = statusCode === 429
      this.end(`the server answers ${statusCode} instead of a WebSocket`)
    })
    // The error's text can hold the address with the token.
    socket.on('error', (error) => this.end(redactUrl(messageOf(error))))
    socket.on('close', (code) => this.end(`closed with code ${code}`))
  }

  #open(): void {
    if (this.#isEnded) return
    const { protocol, times, clock, connection, subscriptions } = this.#setup
    const atMs = clock.now()
    this.#openedMs = atMs
    this.#offer({ kind: 'connected', connection, atMs })
    this.#liveness = new Liveness(times, atMs, protocol.waitsForWelcome)
    void this.#endWhenDead(this.#liveness)
    for (const text of protocol.greeting()) this.#socket.send(text)
    this.#subscriber = new Subscriber({
      protocol,
      subscriptions,
      connection,
      times,
      clock,
      signal: this.#ended.signal,
      send: (text) => this.#socket.send(text),
      whenTaken: (callback) => this.#whenTaken(callback),
      offer: (event) => this.#offer(event)
    })
    if (!protocol.waitsForWelcome) this.#subscriber.start()
  }

  #message(text: string): void {
    if (this.#isEnded) return
    const { protocol, options, clock, connection } = this.#setup
    const receivedAt = clock.now()
    const frame = ++this.#frames
    this.#liveness?.frame(receivedAt)
    options.onRaw?.(text, receivedAt, connection, frame)
    this.#offer({ kind: 'frame', connection, frame, receivedAt, text })
    if (protocol.isTradeFrame?.(text) !== true) this.#handleControl(protocol.parse(text))
    if (this.#queue.size >= this.#pauseAt) this.#hold()
  }

  #handleControl(frame: Frame): void {
    if (frame.kind === 'welcome') {
      this.#liveness?.welcomed()
      this.#subscriber?.start()
    } else if (frame.kind === 'subscribed') {
      this.#subscriber?.acknowledged(frame.symbols)
    } else if (frame.kind === 'error') {
      const words = `the feed says '${frame.message}'`
      if (frame.meaning === 'over the limit') this.#subscriber?.overLimit(frame.message)
      if (frame.symbol !== undefined) this.#subscriber?.rejected(frame.symbol, frame.message)
      if (frame.meaning === 'refused') this.#refusal = words
      this.#isBusy ||= frame.meaning === 'in use'
      if (frame.meaning === 'refused' || frame.meaning === 'in use') this.end(words)
    }
  }

  /**
   * Calls back with the answer to a ping, which the feed reads after all that was sent before; without one as late as a
   * connection is dead that brings no frames either.
   */
  async #whenTaken(callback: () => void): Promise<void> {
    const { clock, times } = this.#setup
    const name = `taken ${++this.#pings}`
    const over = new AbortController()
    this.#answers.set(name, () => {
      callback()
      over.abort()
    })
    this.#socket.ping(name)
    const isOver = AbortSignal.any([over.signal, this.#ended.signal])
    await clock.delay(times.pongMs, isOver).catch(() => undefined)
    if (!isOver.aborted) callback()
    this.#answers.delete(name)
  }

  /** The reader lags. TCP now slows the sender down, and silence says nothing about the connection. */
  #hold(): void {
    if (this.#isEnded || this.#isHeld) return
    this.#isHeld = true
    this.#socket.pause()
    this.#liveness?.pause()
    this.#subscriber?.hold()
  }

  #release(): void {
    if (this.#isEnded) return
    this.#isHeld = false
    this.#socket.resume()
    this.#liveness?.resume(this.#setup.clock.now())
    this.#subscriber?.release()
  }

  async #endWhenDead(liveness: Liveness): Promise<void> {
    const { clock } = this.#setup
    const cause = await watch(liveness, () => this.#socket.ping(), clock, this.#ended.signal)
    if (cause !== undefined) this.end(cause)
  }

  #offer(event: FeedEvent): void {
    if (this.#queue.isClosed) return
    // Pausing prevents this. If it still happens, reconnecting makes the loss visible.
    if (!this.#queue.offer(event)) this.end('more events than the queue holds')
  }
}
