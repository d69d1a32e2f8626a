import type { StreamMessage } from './messages.ts'

const RETRY_MS = { least: 250, most: 10_000 } as const
/** The api sends a heartbeat every 10 s. */
const SILENCE_MS = 30_000
/** Unauthorized, Forbidden, Misdirected Request: another attempt with the same token would be refused too. */
const REFUSED: readonly number[] = [401, 403, 421]
const ASK_LIMIT_MS = 5000

/** The address of the stream of an api. */
export function streamUrl(api: string): URL {
  const url = new URL('/api/v1/stream', api)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url
}

/** Waits before the next attempt to connect, the longer the more failed. */
export function backOff(failures: number, signal: AbortSignal | undefined): Promise<void> {
  const mostMs = Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures)
  return delay(Math.max(RETRY_MS.least / 2, Math.random() * mostMs), signal)
}

interface ConnectionOptions {
  /** Ends the connection. */
  readonly signal?: AbortSignal | undefined
  /** A token of the api, where it needs one. */
  readonly token?: string | undefined
  /** Messages that wait for the reader at most; beyond it the connection ends. */
  readonly maxWaiting?: number | undefined
  /** Told how many messages wait for the reader, whenever that changes. */
  readonly onWaiting?: (count: number) => void
}

/** One WebSocket as messages; it ends when the socket closes, goes silent, or the signal aborts. */
export class Connection implements AsyncIterable<StreamMessage> {
  reason = 'the connection was closed'
  readonly #url: URL
  readonly #token: string | undefined
  readonly #socket: WebSocket
  readonly #requests: object[]
  readonly #signal: AbortSignal | undefined
  readonly #maxWaiting: number
  readonly #onWaiting: (count: number) => void
  #messages: StreamMessage[] = []
  #waiting = 0
  #wasOpen = false
  #isOver = false
  #wake: () => void = () => undefined
  #silence: ReturnType<typeof setTimeout> | undefined

  /** @param requests are sent as soon as it is open */
  constructor(
    url: URL,
    requests: readonly object[],
    { signal, token, maxWaiting = 10_000, onWaiting = () => undefined }: ConnectionOptions
  ) {
    this.#url = url
    this.#token = token
    this.#requests = [...requests]
    this.#signal = signal
    this.#maxWaiting = maxWaiting
    this.#onWaiting = onWaiting
    this.#socket = new WebSocket(url, token === undefined ? [] : protocolsWith(token))
    this.#socket.addEventListener('open', () => {
      this.#wasOpen = true
      for (const request of this.#requests) this.send(request)
    })
    this.#socket.addEventListener('message', ({ data }) => this.#receive(String(data)))
    this.#socket.addEventListener('error', () => this.#end('the api does not answer'))
    this.#socket.addEventListener('close', ({ reason }) => this.#end(reason))
    signal?.addEventListener('abort', this.#abort)
    this.#watch()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<StreamMessage, undefined> {
    for (;;) {
      const messages = this.#messages
      this.#messages = []
      for (const message of messages) {
        this.#onWaiting(--this.#waiting)
        yield message
      }
      if (messages.length > 0) continue
      if (this.#isOver) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Sends a request, or keeps it until the connection is open; nothing after its end. */
  send(request: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request))
    else if (!this.#isOver) this.#requests.push(request)
  }

  /**
   * A WebSocket does not say why it was refused; the same request without the upgrade does.
   * @throws Error with the api's message, when it let this connection never open because of what it asks with
   */
  async failIfRefused(): Promise<void> {
    if (this.#wasOpen) return
    const address = new URL(this.#url)
    address.protocol = address.protocol === 'wss:' ? 'https:' : 'http:'
    const limit = AbortSignal.timeout(ASK_LIMIT_MS)
    const answer = await fetch(address, {
      headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      signal: this.#signal === undefined ? limit : AbortSignal.any([this.#signal, limit])
    }).catch(() => undefined)
    if (answer === undefined || !REFUSED.includes(answer.status)) return
    const { error } = (await answer.json().catch(() => ({}))) as { error?: { message: string } }
    throw new Error(error?.message ?? `the api answers with status ${answer.status}`)
  }

  close(): void {
    this.#end('')
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => this.#end('')

  #receive(text: string): void {
    this.#watch()
    const message = JSON.parse(text) as StreamMessage
    this.#messages.push(message)
    this.#onWaiting(++this.#waiting)
    // The subscription did not come about: it is asked for again on a new connection.
    if (message.type === 'error') this.#end(message.error.message)
    else if (this.#waiting > this.#maxWaiting) this.#end('the reader is too slow')
    this.#wake()
  }

  #watch(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(
      () => this.#end(`nothing came for ${SILENCE_MS / 1000} s`),
      SILENCE_MS
    )
  }

  #end(reason: string): void {
    clearTimeout(this.#silence)
    if (!this.#isOver && reason !== '') this.reason = reason
    this.#isOver = true
    if (this.#socket.readyState <= 1) this.#socket.close()
    this.#wake()
  }
}

/** Browsers let a page set no header of a WebSocket, but the names of its protocols. */
function protocolsWith(token: string): string[] {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(token)))
  const base64url = base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return ['tapedeck', `tapedeck.token.${base64url}`]
}

/** Resolves early when the signal aborts. */
function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}
