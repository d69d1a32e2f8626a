import { createServer, STATUS_CODES, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Secret } from '@tapedeck/core'
import { listenFailure } from '@tapedeck/service'
import { WebSocketServer, type WebSocket } from 'ws'

interface FeedServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** The status for a handshake with this address, 101 to accept it; and its token. */
  readonly admit: (url: string) => { readonly status: number; readonly token: string }
  /** `stream` is the TCP connection of the WebSocket. */
  readonly onConnection: (socket: WebSocket, stream: Duplex, token: string) => void
  /** Answers any request that is no WebSocket handshake. */
  readonly onRequest: RequestListener
}

/** A subscription is about 60 bytes long; ws closes a connection that sends a longer message. */
const MAX_MESSAGE_BYTES = 4096

/**
 * Listens for WebSocket connections and answers the handshake as `admit` says. The caller closes its
 * clients; `close` stops listening and cuts connections that are still closing.
 *
 * @throws PORT_IN_USE
 */
export async function openFeedServer(
  options: FeedServerOptions
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer(options.onRequest)
  server.headersTimeout = 5000
  server.requestTimeout = 10_000
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES
  })
  server.on('upgrade', (request, socket, head) => {
    const { status, token } = options.admit(request.url ?? '/')
    if (status !== 101) refuse(socket, status)
    else
      sockets.handleUpgrade(request, socket, head, (client) => {
        options.onConnection(client, socket, token)
      })
  })
  const port = await listen(server, options)
  return {
    port,
    async close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      // Its `Client` closes an open one; one that is closing already is cut.
      for (const client of sockets.clients) {
        if (client.readyState !== client.OPEN) client.terminate()
      }
      await closed.promise
    }
  }
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  // Some codes, such as 524 of a proxy, are not in the standard list.
  const reason = STATUS_CODES[status] ?? 'Refused'
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

async function listen(server: Server, { host, port }: FeedServerOptions): Promise<number> {
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen({ host, port }, () => listening.resolve())
  try {
    await listening.promise
  } catch (cause) {
    throw listenFailure(cause, host, port)
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/**
 * How a second connection with the token of an open one is handled. `share`: both stay. `kill`: it is
 * accepted, then both are cut. `refuse`: it gets 429 until the first is gone.
 */
export const KEY_RULES = ['share', 'kill', 'refuse'] as const
export type KeyRule = (typeof KEY_RULES)[number]

/** Connections at once: a simulator serves one producer and a few people. */
const MAX_CLIENTS = 64

/** Which handshakes are accepted, and how many symbols a client may have; faults change both. */
export class AccessRules {
  /** Symbols a connection may have. */
  maxSymbols: number
  keyRule: KeyRule = 'share'
  readonly #token: Secret | undefined
  #refusal: { readonly status: number; times: number } | undefined

  /** @param token the only accepted one; undefined: any that is not empty */
  constructor(token: Secret | undefined, maxSymbols: number) {
    this.#token = token
    this.maxSymbols = maxSymbols
  }

  /** The status for the next handshakes; undefined while none is refused. */
  get refusing(): number | undefined {
    return this.#refusal?.status
  }

  /** Whether a token is one with which the feed may be followed. */
  accepts(token: string): boolean {
    return token !== '' && (this.#token === undefined || token === this.#token.reveal())
  }

  /** Answers the next `times` handshakes with this status, whatever their token. */
  refuse(status: number, times = Infinity): void {
    this.#refusal = { status, times }
  }

  accept(): void {
    this.#refusal = undefined
  }

  /**
   * The HTTP status of a handshake: 101 accepts it.
   * @param openTokens the tokens of all open connections
   */
  answer(url: string, openTokens: readonly string[]): { status: number; token: string } {
    const address = URL.parse(url, 'ws://simulator')
    const token = address?.searchParams.get('token') ?? ''
    return { status: this.#statusFor(address, token, openTokens), token }
  }

  #statusFor(address: URL | null, token: string, openTokens: readonly string[]): number {
    if (address === null) return 400
    if (address.pathname !== '/') return 404
    if (this.#refusal !== undefined) {
      const { status } = this.#refusal
      if (--this.#refusal.times <= 0) this.#refusal = undefined
      return status
    }
    if (!this.accepts(token)) return 401
    if (this.keyRule === 'refuse' && openTokens.includes(token)) return 429
    return openTokens.length >= MAX_CLIENTS ? 503 : 101
  }
}
