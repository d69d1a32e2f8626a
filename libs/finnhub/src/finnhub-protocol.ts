import type { Secret } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import { parseFrame } from './parse-frame.ts'

interface FinnhubOptions {
  /** ws:// or wss://, without the token. */
  readonly url: string
  readonly token: Secret
}

/** Finnhub's WebSocket: the token in the address, one symbol a message, no acknowledgements. */
export function finnhubProtocol({ url, token }: FinnhubOptions): FeedProtocol & {
  isTradeFrame(text: string): boolean
} {
  return {
    name: 'finnhub',
    address() {
      const address = new URL(url)
      address.searchParams.set('token', token.reveal())
      return { url: address.href }
    },
    greeting: () => [],
    waitsForWelcome: false,
    subscribe: (symbols) => symbols.map((symbol) => JSON.stringify({ type: 'subscribe', symbol })),
    unsubscribe: (symbols) =>
      symbols.map((symbol) => JSON.stringify({ type: 'unsubscribe', symbol })),
    parse: parseFrame,
    isTradeFrame
  }
}

/**
 * Whether a text is certainly a trade frame, by its first or last characters: Finnhub writes the type
 * either first or last.
 */
function isTradeFrame(text: string): boolean {
  return text.endsWith('"type":"trade"}') || text.startsWith('{"type":"trade"')
}
