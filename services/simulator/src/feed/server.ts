import { createServer, STATUS_CODES, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TapedeckError } from '@tapedeck/core'
import { WebSocketServer, type WebSocket } from 'ws'

export interface FeedServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** The status of a handshake with this address, 101 to let it in; and the token in it. */
  readonly admit: (url: string) => { readonly status: number; readonly token: string }
  /** `stream` is the connection under the WebSocket. */
  readonly onConnection: (socket: WebSocket, stream: Duplex, token: string) => void
  /** Answers what is no WebSocket handshake. */
  readonly onRequest: RequestListener
}

/** A subscription is 60 bytes long; ws cuts whoever sends more than this at once. */
const MAX_MESSAGE_BYTES = 4096

/**
 * Listens for WebSocket connections and answers the handshake as `admit` says. Sessions are the
 * caller's; `close` stops listening and cuts who was told to leave and is still there.
 *
 * @throws PORT_IN_USE when somebody else has the port.
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
      // Open ones get a goodbye from their session; the others had theirs.
      for (const client of sockets.clients) {
        if (client.readyState !== client.OPEN) client.terminate()
      }
      await closed.promise
    }
  }
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  // Some answers, such as 524 of the proxy before the feed, are in nobody's list.
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
    if ((cause as { code?: string }).code !== 'EADDRINUSE') throw cause
    throw new TapedeckError(
      'PORT_IN_USE',
      `Cannot listen on ${host}:${port}: the port is in use, expected a free one`,
      { cause }
    )
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
