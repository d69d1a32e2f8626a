/** What a client may ask. `silent`: known to Finnhub, but the simulator has nothing to send for it. */
export type ClientMessage =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly symbol: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'wrong'; readonly problem: string }

const SILENT: readonly string[] = [
  'subscribe-news',
  'unsubscribe-news',
  'subscribe-pr',
  'unsubscribe-pr'
]

/** Reads one text message; never throws. The problem is for the client, in an error frame. */
export function readClientMessage(text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong('message is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrong('message is not an object')
  }
  const { type, symbol } = value as Record<string, unknown>
  if (typeof type !== 'string') return wrong('type is missing')
  if (SILENT.includes(type)) return { kind: 'silent' }
  if (type !== 'subscribe' && type !== 'unsubscribe') {
    return wrong(`unknown type '${type.slice(0, 40)}'`)
  }
  if (typeof symbol !== 'string' || symbol === '') return wrong('symbol is missing')
  return { kind: type, symbol }
}

function wrong(problem: string): ClientMessage {
  return { kind: 'wrong', problem: `Invalid message: ${problem}` }
}
