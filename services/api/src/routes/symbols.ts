import { didYouMean } from '@tapedeck/core'
import { requestProblems, symbolProblems } from '@tapedeck/domain'
import {
  mergeSymbols,
  type FeedStatusDocument,
  type KnownSymbol,
  type SubscriptionDocument
} from '@tapedeck/mongo'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import {
  answers,
  flag,
  numberOrNull,
  object,
  rows,
  sendProblems,
  text,
  textOrNull,
  texts,
  wholeOrNull,
  words,
  type Routes,
  type RouteTools
} from '../http.ts'
import { FIELDS, path, query, type RequestProblem, SYMBOL_IN_PATH } from '../query.ts'
import type { Reader } from '../reader.ts'
import { isStale } from './feed.ts'

const SYMBOLS = object({
  mode: words('simulated', 'live', 'mixed', 'none'),
  changeable: flag,
  symbols: rows({
    symbol: text,
    /** Whether it is in SYMBOLS. */
    configured: flag,
    /** Whether it is to be followed: by SYMBOLS and the changes made at run time. */
    wanted: flag,
    /** Its state in the feed; null when no producer reports it. */
    standing: textOrNull,
    reason: textOrNull,
    feed: textOrNull,
    lastPrice: numberOrNull,
    lastTradeAt: wholeOrNull,
    firstSeenAt: wholeOrNull
  })
})
/** The answer of GET /api/v1/symbols. */
export type SymbolsAnswer = Static<typeof SYMBOLS>
/** Stands for a symbol where there is none. */
export const NO_SYMBOL = 'NONE'
/** The result of a change of symbols. */
const CHANGE = object({ wanted: texts, changed: texts })
const LIST = object({ symbols: Type.Array(text, { minItems: 1 }) })

/** Enough for the symbols of the largest plan. */
const BODY_LIMIT = 256 * 1024

/** Routes for the list of symbols, and for changing it with the token. */
export function symbolRoutes(
  app: Routes,
  { reader, config, tokens, share, metrics, clock }: RouteTools
): void {
  const { symbols: base, maxSymbols } = config
  app.get(
    '/api/v1/symbols',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The symbols, configured and seen, with their last price',
        querystring: query({ fields: FIELDS }),
        response: answers(SYMBOLS)
      }
    },
    async (_request, reply) =>
      share(reply, SYMBOLS, {}, async () => {
        const [seen, subscriptions, feeds] = await Promise.all([
          reader.symbols(),
          reader.subscriptions(),
          reader.feeds()
        ])
        const facts = { configured: base, maxSymbols, seen, subscriptions, feeds }
        const { mode, symbols } = symbolList(facts, clock.now())
        return { mode, changeable: tokens.hasFor('write'), symbols }
      })
  )
  const deps = { store: reader, base, maxSymbols }
  const changes = metrics.counter(
    'api_symbol_changes_total',
    'Requests to add or remove symbols, by outcome',
    ['outcome']
  )
  const change = {
    bodyLimit: BODY_LIMIT,
    config: { scope: 'write' },
    onResponse: async (_request: FastifyRequest, { statusCode }: FastifyReply) => {
      if (statusCode < 500) changes.inc({ outcome: outcomeOf(statusCode) })
    }
  } as const
  app.post(
    '/api/v1/symbols',
    {
      ...change,
      schema: { summary: 'Adds symbols', body: LIST, response: answers(CHANGE) }
    },
    async (request, reply) => sendChange(reply, await addSymbols(request.body, deps))
  )
  app.delete(
    '/api/v1/symbols/:symbol',
    {
      ...change,
      schema: {
        summary: 'Removes a symbol; its stored data stays',
        params: path({ symbol: SYMBOL_IN_PATH }),
        response: answers(CHANGE)
      }
    },
    async (request, reply) => sendChange(reply, await removeSymbol(request.params.symbol, deps))
  )
}

function outcomeOf(status: number): string {
  if (status === 401 || status === 403) return 'not allowed'
  return status < 400 ? 'done' : 'refused'
}

function sendChange(reply: FastifyReply, change: SymbolChange): FastifyReply {
  if (change.problems !== undefined) return sendProblems(reply, change.problems, change.status)
  return reply.header('cache-control', 'no-store').send(change)
}

type Mode = Static<typeof SYMBOLS>['mode']

/** Only Finnhub's own feed counts as live, every other as simulated. */
const LIVE_FEED = 'finnhub'

interface SymbolFacts {
  readonly configured: readonly string[]
  readonly maxSymbols: number
  readonly seen: readonly KnownSymbol[]
  readonly subscriptions: readonly SubscriptionDocument[]
  readonly feeds: readonly FeedStatusDocument[]
}

/** The configured symbols in their order, then all others that are wanted or were seen, by name; pure. */
export function symbolList(
  { configured, maxSymbols, seen, subscriptions, feeds }: SymbolFacts,
  nowMs: number
): { readonly mode: Mode; readonly symbols: Static<typeof SYMBOLS>['symbols'] } {
  const documents = new Map(seen.map((document) => [document._id, document]))
  const desired = mergeSymbols(configured, subscriptions, maxSymbols)
  const wanted = new Set([...desired.symbols, ...desired.overflow])
  const others = [...new Set([...documents.keys(), ...wanted])]
    .filter((symbol) => !configured.includes(symbol))
    .toSorted()
  const fresh = feeds.filter((feed) => !isStale(feed, nowMs))
  const standings = new Map(fresh.flatMap(({ symbols }) => symbols.map((one) => [one.symbol, one])))
  const symbols = [...configured, ...others].map((symbol) => {
    const document = documents.get(symbol)
    const said = standings.get(symbol)
    const isWanted = wanted.has(symbol)
    const unsaid = isWanted ? reasonUnsaid(feeds.length, fresh.length) : null
    return {
      symbol,
      configured: configured.includes(symbol),
      wanted: isWanted,
      standing: said?.standing ?? (desired.overflow.includes(symbol) ? 'over the limit' : null),
      reason: said === undefined ? unsaid : said.reason,
      feed: document?.feed ?? null,
      lastPrice: document?.lastPrice ?? null,
      lastTradeAt: document?.lastTradeAt?.getTime() ?? null,
      firstSeenAt: document?.firstSeenAt?.getTime() ?? null
    }
  })
  return { mode: modeOf(seen), symbols }
}

function reasonUnsaid(known: number, fresh: number): string | null {
  if (fresh > 0) return 'not followed by the producer yet'
  return known > 0 ? 'no report from the producer' : null
}

function modeOf(seen: readonly KnownSymbol[]): Mode {
  if (seen.length === 0) return 'none'
  const live = seen.filter(({ feed }) => feed === LIVE_FEED).length
  if (live === 0) return 'simulated'
  return live === seen.length ? 'live' : 'mixed'
}

/** The result of a change of symbols. */
type SymbolChange =
  | {
      readonly problems?: undefined
      /** Every symbol wanted now, in the order of subscription. */
      readonly wanted: readonly string[]
      /** The symbols that this request added or removed. */
      readonly changed: readonly string[]
    }
  | { readonly status: 400 | 404 | 409; readonly problems: readonly RequestProblem[] }

interface SymbolChangeDeps {
  readonly store: Pick<Reader, 'subscriptions' | 'setWanted'>
  /** SYMBOLS. */
  readonly base: readonly string[]
  /** FINNHUB_MAX_SYMBOLS. */
  readonly maxSymbols: number
}

const BY = 'api'

/** Adds all symbols, or none and reports every mistake and every symbol over the plan's limit. */
async function addSymbols(body: unknown, deps: SymbolChangeDeps): Promise<SymbolChange> {
  const { symbols, problems } = symbolsOf(body)
  if (problems.length > 0) return { status: 400, problems }
  const before = await wantedNow(deps)
  const changed = symbols.filter((symbol) => !before.includes(symbol))
  const wanted = [...before, ...changed]
  const over = wanted.slice(deps.maxSymbols).filter((symbol) => changed.includes(symbol))
  if (over.length > 0) {
    const message =
      `symbols: ${wanted.length} would be followed, expected at most ${deps.maxSymbols} ` +
      `(FINNHUB_MAX_SYMBOLS); over the limit: ${over.join(', ')}`
    return { status: 409, problems: [{ field: 'symbols', message }] }
  }
  await deps.store.setWanted(changed, true, BY)
  return { wanted: await wantedNow(deps), changed }
}

/** Removes one symbol, also one of SYMBOLS. Its stored data stays. */
async function removeSymbol(symbol: string, deps: SymbolChangeDeps): Promise<SymbolChange> {
  const before = await wantedNow(deps)
  if (!before.includes(symbol)) {
    const hint = didYouMean(symbol, before)
    const message = `'${symbol}' is not followed, expected one of ${before.join(', ')}${hint}`
    return { status: 404, problems: [problem('symbol', message)] }
  }
  await deps.store.setWanted([symbol], false, BY)
  return { wanted: await wantedNow(deps), changed: [symbol] }
}

async function wantedNow({ store, base }: SymbolChangeDeps): Promise<readonly string[]> {
  return mergeSymbols(base, await store.subscriptions()).symbols
}

function symbolsOf(body: unknown): {
  readonly symbols: readonly string[]
  readonly problems: readonly RequestProblem[]
} {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refused(problem('body', 'not an object, expected {"symbols":["TSLA"]}'))
  }
  const { symbols, ...others } = body as Readonly<Record<string, unknown>>
  const unknown = Object.keys(others).map((name) =>
    problem(name, 'not a field of this request, expected symbols')
  )
  if (!Array.isArray(symbols) || symbols.length === 0) {
    return refused(...unknown, problem('symbols', 'no list, expected at least one symbol'))
  }
  const names = symbols.filter((one): one is string => typeof one === 'string')
  if (names.length < symbols.length) {
    return refused(...unknown, problem('symbols', 'not all are texts, expected a list of texts'))
  }
  const entries = names.map((name) => name.trim())
  const mistakes = [
    ...symbolProblems(entries, Number.MAX_SAFE_INTEGER),
    ...requestProblems(entries)
  ]
  return {
    symbols: entries,
    problems: [...unknown, ...mistakes.map((mistake) => problem('symbols', mistake))]
  }
}

function refused(...problems: readonly RequestProblem[]): {
  readonly symbols: readonly string[]
  readonly problems: readonly RequestProblem[]
} {
  return { symbols: [], problems }
}

function problem(field: string, message: string): RequestProblem {
  return { field, message: `${field}: ${message}` }
}
