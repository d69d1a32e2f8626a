import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TapedeckError, type Secret } from '@tapedeck/core'
import { WebSocketServer, type WebSocket } from 'ws'

export interface FeedServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** The only token that is accepted; without it any token is, but not none. */
  readonly token: Secret | undefined
  /** `stream` is the connection under the WebSocket. */
  readonly onConnection: (socket: WebSocket, stream: Duplex) => void
}

/** Connections at once; a simulator is for one producer and a few curious people. */
const MAX_CLIENTS = 64
/** A subscription is 60 bytes long; ws cuts whoever sends more than this at once. */
const MAX_MESSAGE_BYTES = 4096

/**
 * Listens for WebSocket connections and answers the handshake as Finnhub does: 401 without a good
 * token in the query. Sessions are the caller's; `close` only stops listening.
 *
 * @throws PORT_IN_USE when somebody else has the port.
 */
export async function openFeedServer(
  options: FeedServerOptions
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.writeHead(426, { connection: 'close' }).end('a WebSocket is expected here\n')
  })
  server.headersTimeout = 5000
  server.requestTimeout = 10_000
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES
  })
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request, options.token, sockets.clients.size)
    if (refusal !== undefined) refuse(socket, refusal)
    else
      sockets.handleUpgrade(request, socket, head, (client) => {
        options.onConnection(client, socket)
      })
  })
  const port = await listen(server, options)
  return {
    port,
    async close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    }
  }
}

/** The HTTP status of a refused handshake. */
function refusalOf(
  request: IncomingMessage,
  token: Secret | undefined,
  clients: number
): number | undefined {
  const address = URL.parse(request.url ?? '/', 'ws://simulator')
  if (address === null) return 400
  if (address.pathname !== '/') return 404
  const found = address.searchParams.get('token') ?? ''
  if (found === '' || (token !== undefined && found !== token.reveal())) return 401
  return clients >= MAX_CLIENTS ? 503 : undefined
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
  )
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
