import { addAbortListener } from 'node:events'
import type { Duplex } from 'node:stream'
import { TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { RawData, WebSocket } from 'ws'
import { portionOf, type TextFrame } from './frame.ts'

/** Above this backlog a lossless source waits for the client. */
const WAIT_ABOVE_BYTES = 1024 * 1024
/** Above this backlog a live market no longer waits: frames for this client are dropped. */
const DROP_ABOVE_BYTES = 8 * 1024 * 1024
/** A client that receives nothing for this long is cut, because a tape waits for every client. */
const STALL_LIMIT_MS = 600_000
const CLOSE_LIMIT_MS = 500
const GOING_AWAY = 1001
const PING = '{"type":"ping"}'
const TOO_MANY = 'Subscribing to too many symbols'

interface ClientOptions {
  /** Counts the connections from 1. */
  readonly number: number
  readonly token: string
  readonly maxSymbols: () => number
  readonly pingMs: number
  /** False while the source has its own pings. */
  readonly pings: () => boolean
  readonly log: Logger
  /** The subscriptions changed, or the connection ended. */
  readonly onChange: () => void
  /** A frame of the source was sent; a fault may follow before the next one. */
  readonly onFrame: () => void
}

/** What `play` did with some frames. */
export interface Played {
  readonly frames: number
  readonly trades: number
  /** Trades of a live market that were not sent, because the client was too slow. */
  readonly droppedTrades: number
  /** Trades that were not sent, because of a fault. */
  readonly withheldTrades: number
}

/** What a connection still sends: `pings` excludes trades, `nothing` excludes JSON pings as well. */
type Voice = 'all' | 'pings' | 'nothing'

/** One connected client: its subscriptions, its backlog and the faults of its connection. */
export class Client {
  readonly number: number
  readonly token: string
  readonly subscribed = new Set<string>()
  voice: Voice = 'all'
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #options: ClientOptions
  readonly #pinging: NodeJS.Timeout
  #isFrozen = false
  #repeat = { times: 1, frames: 0 }
  #waiting: { readonly belowBytes: number; readonly resolve: () => void } | undefined

  constructor(socket: WebSocket, stream: Duplex, options: ClientOptions) {
    this.number = options.number
    this.token = options.token
    this.#socket = socket
    this.#stream = stream
    this.#options = options
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('error', (error) => options.log.warn({ err: error }, 'client connection failed'))
    socket.on('close', () => this.#ended())
    this.#pinging = setInterval(() => {
      if (options.pings() && this.voice !== 'nothing') this.#answer(PING)
    }, options.pingMs)
    this.#pinging.unref()
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  /** Sends what the client subscribed to of each frame; `lossless` never drops, see `drained`. */
  play(frames: readonly TextFrame[], lossless: boolean): Played {
    let sentFrames = 0
    let trades = 0
    let droppedTrades = 0
    let withheldTrades = 0
    // One system call for all of them instead of one each.
    this.#stream.cork()
    for (const frame of frames) {
      const portion = this.isOpen ? portionOf(frame, this.subscribed) : undefined
      if (portion === undefined) continue
      if (this.voice !== 'all' || this.#isFrozen) {
        withheldTrades += portion.tradeCount
        continue
      }
      if (!lossless && this.#socket.bufferedAmount > DROP_ABOVE_BYTES) {
        droppedTrades += portion.tradeCount
        continue
      }
      const times = this.#repeat.frames === 0 ? 1 : this.#timesOfNext()
      for (let i = 0; i < times; i++) this.#socket.send(portion.text, this.#onFlushed)
      sentFrames += times
      trades += times * portion.tradeCount
      this.#options.onFrame()
    }
    this.#stream.uncork()
    return { frames: sentFrames, trades, droppedTrades, withheldTrades }
  }

  /** Sends a text that is not of the source; false when the connection accepts none now. */
  inject(text: string): boolean {
    if (!this.isOpen || this.#isFrozen || this.voice === 'nothing') return false
    this.#socket.send(text, this.#onFlushed)
    return true
  }

  /** Sends each of the next `frames` frames of the source this many times. */
  repeat(times: number, frames: number): void {
    this.#repeat = { times, frames }
  }

  /** Half open: nothing is read, answered or sent any more, and the connection stays up. */
  freeze(): void {
    this.#isFrozen = true
    this.#socket.pause()
  }

  thaw(): void {
    this.#isFrozen = false
    this.#socket.resume()
  }

  /** Begins the closing handshake, which the client may or may not answer. */
  end(code: number, reason: string): void {
    this.#socket.close(code, reason)
    this.#options.onChange()
  }

  /** Ends the connection without a closing handshake. */
  cut(): void {
    this.#socket.terminate()
  }

  /**
   * Resolves once the client has received enough that more may be sent, or is gone; with `everything` once
   * nothing is left to send. Resolves early when `signal` aborts.
   */
  async drained(signal: AbortSignal, everything = false): Promise<void> {
    const startBytes = everything ? 0 : WAIT_ABOVE_BYTES
    if (!this.isOpen || signal.aborted || this.#socket.bufferedAmount <= startBytes) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = { belowBytes: startBytes / 2, resolve }
    const stalled = setTimeout(() => {
      this.#options.log.warn({ stallMs: STALL_LIMIT_MS }, 'client receives nothing and is cut')
      this.#socket.terminate()
    }, STALL_LIMIT_MS)
    using _listener = addAbortListener(signal, () => resolve())
    try {
      await promise
    } finally {
      clearTimeout(stalled)
      this.#waiting = undefined
    }
  }

  /** Does the closing handshake; a client that does not answer is cut after half a second. */
  async close(code = GOING_AWAY, reason = 'simulator stops'): Promise<void> {
    if (this.#socket.readyState === this.#socket.CLOSED) return
    const gone = Promise.withResolvers<void>()
    this.#socket.once('close', () => gone.resolve())
    this.#socket.close(code, reason)
    const cut = setTimeout(() => this.#socket.terminate(), CLOSE_LIMIT_MS)
    await gone.promise
    clearTimeout(cut)
  }

  #timesOfNext(): number {
    this.#repeat.frames--
    return this.#repeat.times
  }

  #receive(data: RawData, isBinary: boolean): void {
    // ws gives one Buffer for each message; the protocol has no binary messages.
    const message = readClientMessage(Buffer.isBuffer(data) && !isBinary ? data.toString() : '')
    if (message.kind === 'wrong') this.#refuse(message.problem)
    else if (message.kind === 'unsubscribe') {
      if (this.subscribed.delete(message.symbol)) this.#options.onChange()
    } else if (message.kind === 'subscribe' && !this.subscribed.has(message.symbol)) {
      if (this.subscribed.size >= this.#options.maxSymbols()) this.#refuse(TOO_MANY)
      else {
        this.subscribed.add(message.symbol)
        this.#options.onChange()
      }
    }
  }

  #refuse(reason: string): void {
    if (this.voice !== 'nothing') this.#answer(JSON.stringify({ type: 'error', msg: reason }))
  }

  /** Answers wait in the same backlog, so a client that sends requests and never reads gets no more answers. */
  #answer(text: string): void {
    if (!this.isOpen || this.#isFrozen || this.#socket.bufferedAmount > DROP_ABOVE_BYTES) return
    this.#socket.send(text, this.#onFlushed)
  }

  readonly #onFlushed = (): void => {
    if (this.#waiting === undefined) return
    if (this.#socket.bufferedAmount <= this.#waiting.belowBytes) this.#waiting.resolve()
  }

  #ended(): void {
    clearInterval(this.#pinging)
    this.subscribed.clear()
    this.#waiting?.resolve()
    this.#options.onChange()
  }
}

/** A request of a client. `silent`: Finnhub has it, but the simulator sends nothing for it. */
type ClientMessage =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly symbol: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'wrong'; readonly problem: string }

const SILENT: readonly string[] = [
  'subscribe-news',
  'unsubscribe-news',
  'subscribe-pr',
  'unsubscribe-pr'
]

/** Reads one text message; never throws. The problem is for the client, in an error frame. */
function readClientMessage(text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong('message is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrong('message is not an object')
  }
  const { type, symbol } = value as Record<string, unknown>
  if (typeof type !== 'string') return wrong('type is missing')
  if (SILENT.includes(type)) return { kind: 'silent' }
  if (type !== 'subscribe' && type !== 'unsubscribe') {
    return wrong(`unknown type '${type.slice(0, 40)}'`)
  }
  if (typeof symbol !== 'string' || symbol === '') return wrong('symbol is missing')
  return { kind: type, symbol }
}

function wrong(problem: string): ClientMessage {
  return { kind: 'wrong', problem: `Invalid message: ${problem}` }
}

/** The connected clients, and the symbols that at least one of them subscribed to. */
export class Audience {
  readonly clients = new Set<Client>()
  #symbols: ReadonlySet<string> = new Set()
  #next = Promise.withResolvers<void>()

  /** Subscribed symbols, in the order of their first subscription. */
  get symbols(): ReadonlySet<string> {
    return this.#symbols
  }

  /** The token of each open connection. */
  get openTokens(): readonly string[] {
    return [...this.clients].filter(({ isOpen }) => isOpen).map(({ token }) => token)
  }

  /** Call it after any change; resolves `changed`. */
  refresh(): void {
    const symbols = new Set<string>()
    for (const client of this.clients) {
      if (!client.isOpen) this.clients.delete(client)
      else for (const symbol of client.subscribed) symbols.add(symbol)
    }
    this.#symbols = symbols
    const woken = this.#next
    this.#next = Promise.withResolvers<void>()
    woken.resolve()
  }

  /** Resolves on the next change. @throws ABORTED when `signal` aborts first. */
  async changed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void =>
      aborted.reject(new TapedeckError('ABORTED', 'Waiting for subscriptions was aborted'))
    using _listener = addAbortListener(signal, onAbort)
    await Promise.race([this.#next.promise, aborted.promise])
  }
}
