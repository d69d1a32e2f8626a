import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Scope } from './scope.ts'

/** A feed whose every step the test decides; speaks WebSocket for real. */
export interface ScriptedFeed {
  readonly url: string
  /** Connections made so far, with the symbols each asked for. */
  readonly connections: readonly {
    readonly socket: WebSocket
    readonly symbols: string[]
    readonly unsubscribed: string[]
  }[]
  /** Sends a text frame on the newest connection. */
  send(frame: string): void
  /** The next upgrades are answered with this status instead. */
  refuse(status: number | undefined): void
}

export async function startScriptedFeed(t: Scope): Promise<ScriptedFeed> {
  const http = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  const connections: { socket: WebSocket; symbols: string[]; unsubscribed: string[] }[] = []
  let refusal: number | undefined
  http.on('upgrade', (request: IncomingMessage, socket, head) => {
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const connection = { socket: client, symbols: [] as string[], unsubscribed: [] as string[] }
      connections.push(connection)
      client.on('message', (data: Buffer) => {
        const { type, symbol } = JSON.parse(data.toString()) as { type: string; symbol: string }
        if (type === 'subscribe') connection.symbols.push(symbol)
        if (type === 'unsubscribe') connection.unsubscribed.push(symbol)
      })
    })
  })
  const listening = Promise.withResolvers<void>()
  http.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  t.after(() => {
    for (const { socket } of connections) socket.terminate()
    sockets.close()
    http.close()
    http.closeAllConnections()
  })
  const { port } = http.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    connections,
    send(frame) {
      connections.at(-1)?.socket.send(frame)
    },
    refuse(status) {
      refusal = status
    }
  }
}
