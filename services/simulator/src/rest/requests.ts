import type { RequestListener } from 'node:http'
import type { Clock } from '@tapedeck/core'
import { symbolProblem } from '@tapedeck/domain'
import type { SimulatorConfig } from '../config.ts'
import {
  earnings,
  holidays,
  NO_QUOTE,
  profileOf,
  quoteOf,
  symbolList,
  type QuotedMarket
} from './answers.ts'

interface RestParts {
  readonly source: SimulatorConfig['source']
  readonly isAccepted: (token: string) => boolean
  readonly clock: Clock
}

const BASE = '/api/v1'

/** Whether a request is for the REST interface. */
export function isRestPath(url = '/'): boolean {
  return url === BASE || url.startsWith(`${BASE}/`)
}

/**
 * Serves Finnhub's REST paths on the feed's port, as far as a free key reaches: 401 without a token, 403 for what asks
 * for another plan, 404 for what there is not.
 */
export function restRequests({ source, isAccepted, clock }: RestParts): RequestListener {
  const quoted = source.kind === 'market' ? source : undefined
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://simulator')
    const header = request.headers['x-finnhub-token']
    const token = url.searchParams.get('token') ?? (typeof header === 'string' ? header : '')
    const [status, body] =
      request.method !== 'GET'
        ? ([405, { error: 'expected GET' }] as const)
        : isAccepted(token)
          ? answer(url, quoted, clock.now())
          : ([401, { error: 'Invalid API key' }] as const)
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify(body))
  }
}

/** Paths that Finnhub answers for other plans only. */
const PREMIUM = ['/stock/candle', '/stock/tick', '/stock/bidask', '/crypto/candle']

function answer(
  { pathname, searchParams }: URL,
  quoted: QuotedMarket | undefined,
  nowMs: number
): readonly [number, unknown] {
  const symbol = searchParams.get('symbol') ?? ''
  const path = pathname.slice(BASE.length)
  if (PREMIUM.includes(path)) return [403, { error: "You don't have access to this resource." }]
  switch (path) {
    case '/quote':
      return [
        200,
        quoted === undefined || symbolProblem(symbol) !== undefined
          ? NO_QUOTE
          : quoteOf(quoted, symbol, nowMs)
      ]
    case '/stock/symbol':
      return [200, symbolList()]
    case '/stock/profile2':
      return [200, profileOf(symbol)]
    case '/stock/market-holiday':
      return [200, holidays(nowMs)]
    case '/calendar/earnings': {
      const today = new Date(nowMs).toISOString().slice(0, 10)
      return [200, earnings(searchParams.get('from') ?? today, searchParams.get('to') ?? today)]
    }
    default:
      return [404, { error: 'no such path' }]
  }
}
