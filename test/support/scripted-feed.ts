import type { WebSocket } from 'ws'
import type { Scope } from './scope.ts'
import { startScriptedServer } from './scripted-server.ts'

interface FeedConnection {
  readonly socket: WebSocket
  /** Path and query that it was opened with. */
  readonly address: string
  /** Asked for, up to the last ping: an asker pings to learn that it was taken in. */
  readonly symbols: string[]
  readonly unsubscribed: string[]
}

/** A feed in Finnhub's protocol whose every step the test decides; speaks WebSocket for real. */
export interface ScriptedFeed {
  readonly url: string
  /** Connections made so far, with the symbols each asked for. */
  readonly connections: readonly FeedConnection[]
  /** Sends text frames on the newest connection. */
  send(...frames: readonly string[]): void
  /** The next upgrades are answered with this status instead. */
  refuse(status: number | undefined): void
  /** Cuts the newest connection. */
  drop(): void
}

export async function startScriptedFeed(scope: Pick<Scope, 'after'>): Promise<ScriptedFeed> {
  const connections: (FeedConnection & { readonly asked: string[] })[] = []
  const server = await startScriptedServer(scope, {
    onClient({ socket, request }) {
      connections.push({
        socket,
        address: request.url ?? '',
        asked: [],
        symbols: [],
        unsubscribed: []
      })
    },
    onPing({ socket }) {
      const connection = connections.find((one) => one.socket === socket)
      connection?.symbols.push(...connection.asked.splice(0))
    },
    onText({ socket }, text) {
      const { type, symbol } = JSON.parse(text) as { type: string; symbol: string }
      const connection = connections.find((one) => one.socket === socket)
      if (type === 'subscribe') connection?.asked.push(symbol)
      if (type === 'unsubscribe') connection?.unsubscribed.push(symbol)
    }
  })
  return {
    url: server.url,
    connections,
    send(...frames) {
      for (const frame of frames) connections.at(-1)?.socket.send(frame)
    },
    refuse(status) {
      server.upgrade = status ?? 'accept'
    },
    drop() {
      connections.at(-1)?.socket.terminate()
    }
  }
}
