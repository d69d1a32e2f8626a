import { symbolProblem } from '@tapedeck/domain'
import { StreamClient, type Format, type Outlet } from './client.ts'
import { tradesKey, type StreamEvent } from './events.ts'
import type { SessionTools } from './session.ts'

/** Finnhub puts ten trades into a frame at most. */
const FRAME_TRADES = 10
/** What Finnhub sends about once a minute; a client that expects more often is not known. */
const PING = '{"type":"ping"}'

/** Finnhub's own frames: keys, their order and the number of trades are as wss://ws.finnhub.io sends them. */
export const FINNHUB_FORMAT: Format = {
  name: 'finnhub',
  data(events) {
    return events.flatMap((event) => framesOf(event))
  },
  heartbeat: () => PING,
  dropped: () => undefined,
  status: () => undefined
}

function framesOf({ channel, rows }: StreamEvent): string[] {
  if (channel !== 'trades') return []
  const frames: string[] = []
  for (let at = 0; at < rows.length; at += FRAME_TRADES) {
    const data = rows.slice(at, at + FRAME_TRADES).map((row) => {
      const { conditions: c, price: p, symbol: s, time: t, size: v } = JSON.parse(row) as Row
      return JSON.stringify({ c, p, s, t, v })
    })
    frames.push(`{"data":[${data.join(',')}],"type":"trade"}`)
  }
  return frames
}

interface Row {
  readonly conditions: readonly string[] | null
  readonly price: number
  readonly symbol: string
  readonly time: number
  readonly size: number
}

/**
 * Speaks with one client as Finnhub does: `{"type":"subscribe","symbol":"AAPL"}`, one symbol a message, without an
 * answer. A client that missed something asks for it with `since` (epoch ms) beside the symbol: what was received
 * since then, as far as the stream keeps it, is sent first.
 */
export class FinnhubSession {
  readonly #tools: SessionTools
  readonly #client: StreamClient
  readonly #outlet: Outlet
  readonly #maxSymbols: number
  readonly #leave: () => void

  constructor(tools: SessionTools, outlet: Outlet, maxSymbols: number) {
    this.#tools = tools
    this.#outlet = outlet
    this.#maxSymbols = maxSymbols
    this.#client = new StreamClient(outlet)
    this.#leave = tools.subscribers.add(this.#client)
  }

  receive(text: string): void {
    let message: { type?: unknown; symbol?: unknown; since?: unknown }
    try {
      message = JSON.parse(text) as typeof message
    } catch {
      this.#refuse('Invalid message')
      return
    }
    const { type, symbol, since } = message ?? {}
    if (type === 'ping') return
    if (type !== 'subscribe' && type !== 'unsubscribe') {
      this.#refuse(`Invalid message type`)
      return
    }
    if (typeof symbol !== 'string' || symbolProblem(symbol) !== undefined) {
      this.#refuse(`Invalid symbol ${typeof symbol === 'string' ? symbol.slice(0, 64) : ''}`)
      return
    }
    const key = tradesKey(symbol)
    if (type === 'unsubscribe') this.#client.remove([key])
    else if (!this.#client.keys.has(key)) this.#subscribe(key, since)
  }

  close(): void {
    this.#leave()
  }

  #subscribe(key: string, since: unknown): void {
    if (this.#client.keys.size >= this.#maxSymbols) {
      this.#refuse('Subscribing to too many symbols')
      return
    }
    const { hub, clock } = this.#tools
    if (typeof since === 'number') {
      const events: StreamEvent[] = []
      const { first, end } = hub.recent.span
      for (let number = first; number < end; number++) {
        for (const event of hub.recent.at(number)?.events ?? []) {
          if (event.keys[0] === key && (event.receivedAt ?? 0) >= since) events.push(event)
        }
      }
      for (const text of FINNHUB_FORMAT.data(events, undefined)) this.#outlet.send(text, undefined)
    }
    hub.flush()
    this.#client.add(new Set([key]), undefined, clock.now())
  }

  #refuse(msg: string): void {
    this.#outlet.send(JSON.stringify({ msg, type: 'error' }), undefined)
  }
}
