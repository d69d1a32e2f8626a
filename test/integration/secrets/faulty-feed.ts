import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer, type WebSocket } from 'ws'

/** A feed that does everything wrong, in the order that the test tells. */
export interface FaultyFeed {
  readonly url: string
  /** The addresses that were asked for, with the token: what must stay between client and server. */
  readonly asked: readonly string[]
  readonly open: readonly WebSocket[]
  /** Status of the next upgrades; undefined lets them in. */
  answerWith(status: number | undefined): void
  send(...frames: readonly string[]): void
  drop(): void
}

export async function startFaultyFeed(t: TestContext): Promise<FaultyFeed> {
  const http = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  const asked: string[] = []
  const open: WebSocket[] = []
  let status: number | undefined
  http.on('upgrade', (request, socket, head) => {
    asked.push(request.url ?? '')
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      open.push(client)
      client.on('error', () => undefined)
    })
  })
  const listening = Promise.withResolvers<void>()
  http.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  t.after(() => {
    for (const socket of open) socket.terminate()
    sockets.close()
    http.close()
    http.closeAllConnections()
  })
  const { port } = http.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    asked,
    open,
    answerWith(next) {
      status = next
    },
    send(...frames) {
      for (const frame of frames) open.at(-1)?.send(frame)
    },
    drop() {
      open.at(-1)?.terminate()
    }
  }
}
