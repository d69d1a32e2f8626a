import {
  askJson,
  duration,
  fullJitter,
  isObject,
  Problems,
  RateLimit,
  systemClock,
  webAddress,
  type Clock,
  type Env,
  type Json,
  type JsonAnswer
} from '@tapedeck/core'
import { checkDefinition, noteUnknown, parseDefinition } from './definition.ts'

/** One kind of request of a source; `{symbol}` and `{date}` in its path and query are filled in. */
interface RestRequest {
  readonly name: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Asked once a symbol instead of once. */
  readonly isEachSymbol: boolean
  /** Asked page by page until the list in `list` (or the body itself) is empty. */
  readonly paging:
    | { readonly parameter: string; readonly first: number; readonly list: string | undefined }
    | undefined
  /** Its answers are copied to MongoDB too. */
  readonly isStored: boolean
  /** Its answers are compared with our calendar. */
  readonly isHolidays: boolean
}

/** A JSON API, as its definition file says. */
export interface RestSource {
  /** Without a slash at its end. */
  readonly address: string
  /** Sent with every request; never in an address, because addresses end up in logs. */
  readonly headers: Readonly<Record<string, string>>
  readonly callsPerMinute: number
  /** It is asked again and again at this interval, ms, and all answers of a date are kept; undefined: once a date. */
  readonly everyMs: number | undefined
  readonly requests: readonly RestRequest[]
}

/** An answer as it was received. */
export interface RestAnswer {
  readonly request: string
  /** Null for a request that is not asked for each symbol. */
  readonly symbol: string | null
  /** Path and query. */
  readonly target: string
  readonly status: number
  /** ISO 8601. */
  readonly receivedAt: string
  readonly body: string
}

const SOURCE_FIELDS = ['address', 'auth', 'callsPerMinute', 'every', 'requests']
const REQUEST_FIELDS = ['name', 'path', 'query', 'each', 'paging', 'mongodb', 'check']

/**
 * Reads a definition. Its address and its credentials may come from the environment, which the file names.
 * @throws CONFIG_INVALID with every mistake
 */
export function readRestSource(file: string, text: string, env: Env): RestSource {
  const mistakes: string[] = []
  const found = parseDefinition(text, SOURCE_FIELDS, mistakes)
  const address = readAddress(found['address'], env, mistakes)
  const headers = readAuth(found['auth'], env, mistakes)
  const callsPerMinute = found['callsPerMinute'] ?? 60
  const isRate = Number.isSafeInteger(callsPerMinute) && Number(callsPerMinute) > 0
  if (!isRate) mistakes.push('callsPerMinute is no whole number above 0')
  const everyMs = readEvery(found['every'], mistakes)
  const list = found['requests']
  if (!Array.isArray(list) || list.length === 0) {
    mistakes.push('requests is no list with an element, expected what to ask')
  }
  const requests = (Array.isArray(list) ? list : []).map((one: unknown, i) =>
    readRequest(`request ${i + 1}`, one, mistakes)
  )
  checkDefinition(file, mistakes)
  return { address, headers, callsPerMinute: Number(callsPerMinute), everyMs, requests }
}

function readEvery(found: unknown, mistakes: string[]): number | undefined {
  if (found === undefined) return undefined
  const { parse, expected } = duration(undefined, 1000)
  const everyMs = typeof found === 'string' ? parse(found) : undefined
  if (everyMs === undefined) mistakes.push(`every is another value, expected ${expected}`)
  return everyMs
}

function readAddress(found: unknown, env: Env, mistakes: string[]): string {
  const named = isObject(found) && typeof found['env'] === 'string' ? found['env'] : undefined
  const fallback = isObject(found) ? found['or'] : found
  const given = named === undefined ? undefined : env[named]?.trim()
  const chosen = given === undefined || given === '' ? fallback : given
  const name = named ?? 'address'
  const { parse, expected } = webAddress(undefined, 'path')
  try {
    const address = typeof chosen === 'string' ? parse(chosen) : undefined
    if (address !== undefined) return address
    mistakes.push(`${name} is no URL, expected ${expected}`)
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    mistakes.push(...error.problems.map((problem) => `${name}: ${problem}`))
  }
  return ''
}

function readAuth(found: unknown, env: Env, mistakes: string[]): Readonly<Record<string, string>> {
  if (found === undefined) return {}
  const { header, env: name, prefix = '' } = isObject(found) ? found : ({} as Json)
  if (typeof header !== 'string' || typeof name !== 'string' || typeof prefix !== 'string') {
    mistakes.push('auth is another form, expected {"header": NAME, "env": VARIABLE}')
    return {}
  }
  const secret = env[name]?.trim() ?? ''
  if (secret === '') {
    mistakes.push(`${name} is not set, expected the credentials that the source asks for`)
  }
  return { [header]: prefix + secret }
}

function readRequest(place: string, found: unknown, mistakes: string[]): RestRequest {
  const of: Json = isObject(found) ? found : {}
  noteUnknown(`${place}: `, of, REQUEST_FIELDS, mistakes)
  const { name, path, query = {}, each, paging, mongodb = false, check } = of
  if (typeof name !== 'string' || name === '') mistakes.push(`${place}: name is missing`)
  if (typeof path !== 'string' || !path.startsWith('/')) {
    mistakes.push(`${place}: path is missing, expected one that begins with /`)
  }
  const isQuery = isObject(query) && Object.values(query).every((one) => typeof one === 'string')
  if (!isQuery) mistakes.push(`${place}: query is another form, expected texts by name`)
  if (each !== undefined && each !== 'symbol') {
    mistakes.push(`${place}: each is another value, expected symbol`)
  }
  if (typeof mongodb !== 'boolean') {
    mistakes.push(`${place}: mongodb is another value, expected true or false`)
  }
  if (check !== undefined && check !== 'holidays') {
    mistakes.push(`${place}: check is another value, expected holidays`)
  }
  const parameter = isObject(paging) ? paging['parameter'] : undefined
  if (paging !== undefined && typeof parameter !== 'string') {
    mistakes.push(`${place}: paging has no parameter, expected the name of one in the query`)
  }
  const { first = 1, list } = isObject(paging) ? paging : ({} as Json)
  return {
    name: String(name),
    path: String(path),
    query: isQuery ? (query as Record<string, string>) : {},
    isEachSymbol: each === 'symbol',
    paging:
      typeof parameter === 'string'
        ? { parameter, first: Number(first), list: typeof list === 'string' ? list : undefined }
        : undefined,
    isStored: mongodb === true,
    isHolidays: check === 'holidays'
  }
}

const MINUTE_MS = 60_000

/** The symbols that one run asks for, and how they take turns. */
export interface Turn {
  readonly symbols: readonly string[]
  /** How many runs it takes until every symbol was asked for. */
  readonly turns: number
  /** How many symbols one run may ask for. */
  readonly most: number
}

/**
 * A source that is asked at an interval stays within its calls a minute: more symbols than those allow take turns; pure.
 * @param nowMs epoch ms; decides whose turn it is
 */
export function turnOf(source: RestSource, symbols: readonly string[], nowMs: number): Turn {
  const { everyMs, callsPerMinute, requests } = source
  const each = requests.filter(({ isEachSymbol }) => isEachSymbol).length
  if (everyMs === undefined || each === 0) return { symbols, turns: 1, most: symbols.length }
  const calls = Math.floor((callsPerMinute * everyMs) / MINUTE_MS)
  const most = Math.max(1, Math.floor((calls - (requests.length - each)) / each))
  const turns = Math.max(1, Math.ceil(symbols.length / most))
  const start = (Math.floor(nowMs / everyMs) % turns) * most
  return { symbols: symbols.slice(start, start + most), turns, most }
}

const TIMEOUT_MS = 20_000
const TRIES = 5
const MOST_PAGES = 1000
const jitterMs = fullJitter({ baseMs: 1000, capMs: 60_000 })

/**
 * Asks everything that a source defines, one request after the other within its rate. A request that fails for now is
 * repeated, no earlier than Retry-After says.
 * @throws FEED_REFUSED for an answer that no repetition changes, 401 and 403 among them: a plan that does not
 * include a request is a mistake in the definition, never a day without data. FEED_DISCONNECTED after the last try; ABORTED
 */
export async function* askRest(
  source: RestSource,
  fill: { readonly date: string; readonly symbols: readonly string[] },
  { signal, clock = systemClock }: { readonly signal: AbortSignal; readonly clock?: Clock }
): AsyncGenerator<RestAnswer> {
  const api = {
    name: 'The source',
    headers: source.headers,
    limit: new RateLimit(clock, source.callsPerMinute),
    timeoutMs: TIMEOUT_MS,
    tries: TRIES,
    jitterMs,
    expected: { 401: 'valid credentials', 403: 'a plan that includes it' },
    clock
  }
  const ask = (target: string): Promise<JsonAnswer> =>
    askJson(api, source.address + target, target, signal)
  for (const request of source.requests) {
    const symbols = request.isEachSymbol ? fill.symbols : ['']
    for (const symbol of symbols) {
      const { paging } = request
      if (paging === undefined) {
        const target = targetOf(request, { date: fill.date, symbol })
        yield received(request, symbol, target, await ask(target))
        continue
      }
      for (let page = 0; page < MOST_PAGES; page++) {
        const more = { [paging.parameter]: String(paging.first + page) }
        const target = targetOf(request, { date: fill.date, symbol }, more)
        const answer = await ask(target)
        yield received(request, symbol, target, answer)
        if (isEmpty(answer.body, paging.list)) break
      }
    }
  }
}

function targetOf(
  { path, query }: RestRequest,
  values: { readonly date: string; readonly symbol: string },
  more: Readonly<Record<string, string>> = {}
): string {
  const filled = (text: string): string =>
    text.replaceAll('{symbol}', values.symbol).replaceAll('{date}', values.date)
  const parameters = new URLSearchParams(
    Object.entries({ ...query, ...more }).map(([name, value]): [string, string] => [
      name,
      filled(value)
    ])
  )
  const search = parameters.toString()
  return filled(path) + (search === '' ? '' : `?${search}`)
}

function received(
  { name, isEachSymbol }: RestRequest,
  symbol: string,
  target: string,
  { text }: JsonAnswer
): RestAnswer {
  return {
    request: name,
    symbol: isEachSymbol ? symbol : null,
    target,
    status: 200,
    receivedAt: new Date().toISOString(),
    body: text
  }
}

function isEmpty(body: unknown, list: string | undefined): boolean {
  const found = list === undefined ? body : isObject(body) ? body[list] : undefined
  return !Array.isArray(found) || found.length === 0
}
