import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Scope } from './scope.ts'

/** One connection as the server sees it. */
export interface ServedClient {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  /** Texts the client sent, in order. */
  readonly texts: string[]
  /** Protocol pings the client sent. */
  pings: number
  send(value: unknown): void
}

export interface ScriptedServer {
  readonly url: string
  readonly clients: readonly ServedClient[]
  /** The answer to the next upgrades: a status, a cut connection, silence, or a WebSocket. */
  upgrade: number | 'cut' | 'silence' | 'accept'
}

export interface ServerScript {
  readonly onClient?: (client: ServedClient) => void
  readonly onText?: (client: ServedClient, text: string) => void
  /** After the answer. */
  readonly onPing?: (client: ServedClient) => void
  /** False: protocol pings stay unanswered, as on a half-open connection. */
  readonly answersPings?: boolean
}

/** A WebSocket server on a port of its own that does what the script says; ends with its scope. */
export async function startScriptedServer(
  scope: Pick<Scope, 'after'>,
  script: ServerScript = {}
): Promise<ScriptedServer> {
  const http = createServer()
  const sockets = new WebSocketServer({
    noServer: true,
    autoPong: script.answersPings ?? true,
    perMessageDeflate: false
  })
  const clients: ServedClient[] = []
  const server = { url: '', clients, upgrade: 'accept' as ScriptedServer['upgrade'] }
  http.on('upgrade', (request: IncomingMessage, socket, head) => {
    const { upgrade } = server
    if (upgrade === 'cut') socket.destroy()
    else if (typeof upgrade === 'number') {
      socket.end(`HTTP/1.1 ${upgrade} Scripted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    } else if (upgrade === 'accept') {
      sockets.handleUpgrade(request, socket, head, (client) => accept(client, request))
    }
  })
  const accept = (socket: WebSocket, request: IncomingMessage): void => {
    const client: ServedClient = {
      socket,
      request,
      texts: [],
      pings: 0,
      send: (value) => socket.send(typeof value === 'string' ? value : JSON.stringify(value))
    }
    clients.push(client)
    socket.on('message', (data: Buffer) => {
      client.texts.push(data.toString())
      script.onText?.(client, data.toString())
    })
    socket.on('ping', () => {
      client.pings++
      script.onPing?.(client)
    })
    socket.on('error', () => undefined)
    script.onClient?.(client)
  }
  const listening = Promise.withResolvers<void>()
  http.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  server.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
  scope.after(() => {
    for (const { socket } of clients) socket.terminate()
    sockets.close()
    http.close()
    http.closeAllConnections()
  })
  return server
}
