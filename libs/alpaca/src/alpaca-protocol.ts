import type { Secret } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import { parseFrame } from './parse-frame.ts'

export interface AlpacaOptions {
  /** Such as wss://stream.data.alpaca.markets/v2/iex; `v2/test` sends FAKEPACA round the clock. */
  readonly url: string
  readonly key: Secret
  readonly secret: Secret
  /** Where the credentials are sent: in the first message (default), or in the headers of the upgrade. */
  readonly credentialsIn?: 'message' | 'headers'
}

/**
 * Alpaca's v2 stock stream: lists of messages, acknowledged subscriptions, trades with ids,
 * corrections and cancels (which come with every subscription to trades).
 */
export function alpacaProtocol(options: AlpacaOptions): FeedProtocol & {
  isTradeFrame(text: string): boolean
} {
  const { url, key, secret, credentialsIn = 'message' } = options
  return {
    name: 'alpaca',
    address: () =>
      credentialsIn === 'headers'
        ? {
            url,
            headers: {
              'APCA-API-KEY-ID': key.reveal(),
              'APCA-API-SECRET-KEY': secret.reveal()
            }
          }
        : { url },
    greeting: () =>
      credentialsIn === 'message'
        ? [JSON.stringify({ action: 'auth', key: key.reveal(), secret: secret.reveal() })]
        : [],
    waitsForWelcome: true,
    subscribe: (symbols) => ask('subscribe', symbols),
    unsubscribe: (symbols) => ask('unsubscribe', symbols),
    parse: parseFrame,
    // Control messages always come alone in their frame, so one that begins with a trade has none.
    isTradeFrame: (text) => text.startsWith('[{"T":"t"')
  }
}

function ask(action: string, symbols: readonly string[]): readonly string[] {
  return symbols.length === 0 ? [] : [JSON.stringify({ action, trades: symbols })]
}
