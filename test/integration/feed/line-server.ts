import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer, type WebSocket } from 'ws'

/** One connection as the server sees it. */
export interface ServedLine {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  /** Texts the client sent, in order. */
  readonly texts: string[]
  /** Protocol pings the client sent. */
  pings: number
  send(value: unknown): void
}

export interface LineServer {
  readonly url: string
  readonly lines: readonly ServedLine[]
  /** What the next upgrades are answered: a status, a cut connection, silence, or a WebSocket. */
  upgrade: number | 'cut' | 'silence' | 'accept'
}

export interface LineScript {
  readonly onLine?: (line: ServedLine) => void
  readonly onText?: (line: ServedLine, text: string) => void
  /** False: protocol pings stay unanswered, as on a half-open line. */
  readonly answersPings?: boolean
}

/** A WebSocket server on a port of its own that does what the script says; ends with the test. */
export async function startLineServer(
  t: TestContext,
  script: LineScript = {}
): Promise<LineServer> {
  const http = createServer()
  const sockets = new WebSocketServer({
    noServer: true,
    autoPong: script.answersPings ?? true,
    perMessageDeflate: false
  })
  const lines: ServedLine[] = []
  const server = { url: '', lines, upgrade: 'accept' as LineServer['upgrade'] }
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
    const line: ServedLine = {
      socket,
      request,
      texts: [],
      pings: 0,
      send: (value) => socket.send(typeof value === 'string' ? value : JSON.stringify(value))
    }
    lines.push(line)
    socket.on('message', (data: Buffer) => {
      line.texts.push(data.toString())
      script.onText?.(line, data.toString())
    })
    socket.on('ping', () => line.pings++)
    socket.on('error', () => undefined)
    script.onLine?.(line)
  }
  const listening = Promise.withResolvers<void>()
  http.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  server.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
  t.after(() => {
    for (const { socket } of lines) socket.terminate()
    sockets.close()
    http.close()
    http.closeAllConnections()
  })
  return server
}
