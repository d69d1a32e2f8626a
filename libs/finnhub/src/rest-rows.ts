import { TapedeckError } from '@tapedeck/core'

/** What a symbol last traded at, by the official figures; no volume there. */
export interface Quote {
  readonly price: number
  readonly previousClose: number
  /** Of the price, epoch ms; Finnhub sends seconds. */
  readonly atMs: number
}

export interface SearchHit {
  readonly symbol: string
  readonly description: string
}

/** The symbols of /stock/symbol. @throws FEED_DISCONNECTED for another form */
export function symbolsOf(body: unknown): readonly string[] {
  if (!Array.isArray(body)) throw unexpected('/stock/symbol', 'a list')
  return body.flatMap((row: unknown) => {
    const { symbol } = fieldsOf(row)
    return typeof symbol === 'string' && symbol !== '' ? [symbol] : []
  })
}

/** Undefined when all is zero: Finnhub's way of not knowing a symbol. */
export function quoteOf(body: unknown): Quote | undefined {
  const { c, pc, t } = fieldsOf(body)
  if (typeof c !== 'number') throw unexpected('/quote', 'a price c')
  if (c === 0) return undefined
  const seconds = typeof t === 'number' ? t : 0
  return { price: c, previousClose: typeof pc === 'number' ? pc : 0, atMs: seconds * 1000 }
}

export function searchHitsOf(body: unknown): readonly SearchHit[] {
  const { result } = fieldsOf(body)
  if (!Array.isArray(result)) throw unexpected('/search', 'a list result')
  return result.flatMap((row: unknown) => {
    const { symbol, description } = fieldsOf(row)
    if (typeof symbol !== 'string') return []
    return [{ symbol, description: typeof description === 'string' ? description : '' }]
  })
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)
    : {}
}

function unexpected(path: string, expected: string): TapedeckError {
  return new TapedeckError(
    'FEED_DISCONNECTED',
    `Finnhub answers ${path} in another form, expected ${expected}`
  )
}
