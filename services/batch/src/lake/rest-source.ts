import {
  didYouMean,
  fullJitter,
  messageOf,
  RateLimit,
  retry,
  systemClock,
  TapedeckError,
  type Clock,
  type Env
} from '@tapedeck/core'

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
}

/** A JSON API, as its definition file says. */
export interface RestSource {
  /** Without a slash at its end. */
  readonly address: string
  /** Sent with every request; never in an address, because addresses end up in logs. */
  readonly headers: Readonly<Record<string, string>>
  readonly callsPerMinute: number
  readonly requests: readonly RestRequest[]
}

/** An answer as it was received. */
export interface RestAnswer {
  readonly request: string
  /** Path and query. */
  readonly target: string
  readonly status: number
  /** ISO 8601. */
  readonly receivedAt: string
  readonly body: string
}

type Json = Readonly<Record<string, unknown>>

const SOURCE_FIELDS = ['address', 'auth', 'callsPerMinute', 'requests']
const REQUEST_FIELDS = ['name', 'path', 'query', 'each', 'paging']

/**
 * Reads a definition. Its address and its credentials may come from the environment, which the file names.
 * @throws CONFIG_INVALID with every mistake
 */
export function readRestSource(file: string, text: string, env: Env): RestSource {
  const mistakes: string[] = []
  let found: Json = {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (isObject(parsed)) found = parsed
    else mistakes.push('another form found, expected an object')
  } catch (error) {
    mistakes.push(`no JSON found (${messageOf(error)})`)
  }
  unknownFields('', found, SOURCE_FIELDS, mistakes)
  const address = readAddress(found['address'], env, mistakes)
  const headers = readAuth(found['auth'], env, mistakes)
  const callsPerMinute = found['callsPerMinute'] ?? 60
  const isRate = Number.isSafeInteger(callsPerMinute) && Number(callsPerMinute) > 0
  if (!isRate) mistakes.push('callsPerMinute is no whole number above 0')
  const list = found['requests']
  if (!Array.isArray(list) || list.length === 0) {
    mistakes.push('requests is no list with an element, expected what to ask')
  }
  const requests = (Array.isArray(list) ? list : []).map((one: unknown, i) =>
    readRequest(`request ${i + 1}`, one, mistakes)
  )
  if (mistakes.length > 0) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot read the source ${file}: ${mistakes.join('\n  ')}`
    )
  }
  return { address, headers, callsPerMinute: Number(callsPerMinute), requests }
}

function readAddress(found: unknown, env: Env, mistakes: string[]): string {
  const named = isObject(found) && typeof found['env'] === 'string' ? found['env'] : undefined
  const fallback = isObject(found) ? found['or'] : found
  const given = named === undefined ? undefined : env[named]?.trim()
  const address = given === undefined || given === '' ? fallback : given
  if (typeof address === 'string' && /^https?:\/\//.test(address) && URL.canParse(address)) {
    return address.replace(/\/$/, '')
  }
  mistakes.push(
    named === undefined
      ? 'address is no URL, expected one that begins with http:// or https://'
      : `${named} is no URL, expected one that begins with http:// or https://`
  )
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
  unknownFields(`${place}: `, of, REQUEST_FIELDS, mistakes)
  const { name, path, query = {}, each, paging } = of
  if (typeof name !== 'string' || name === '') mistakes.push(`${place}: name is missing`)
  if (typeof path !== 'string' || !path.startsWith('/')) {
    mistakes.push(`${place}: path is missing, expected one that begins with /`)
  }
  const isQuery = isObject(query) && Object.values(query).every((one) => typeof one === 'string')
  if (!isQuery) mistakes.push(`${place}: query is another form, expected texts by name`)
  if (each !== undefined && each !== 'symbol') {
    mistakes.push(`${place}: each is another value, expected symbol`)
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
        : undefined
  }
}

function unknownFields(
  place: string,
  found: Json,
  known: readonly string[],
  mistakes: string[]
): void {
  for (const name of Object.keys(found)) {
    if (known.includes(name)) continue
    mistakes.push(`${place}unknown field '${name}' found${didYouMean(name, known)}`)
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const TIMEOUT_MS = 20_000
const TRIES = 5
const MOST_PAGES = 1000
const MOST_BODY_BYTES = 64 * 1024 * 1024
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
  const limit = new RateLimit(clock, source.callsPerMinute)
  const ask = (request: RestRequest, target: string): Promise<RestAnswer> =>
    retry(() => attempt(source, request, target, limit, signal), {
      // The rate limit itself waits when the server said when to come back.
      delayMs: (tried) => (limit.waitMs > 0 ? 0 : jitterMs(tried)),
      tries: TRIES,
      signal,
      clock
    })
  for (const request of source.requests) {
    const symbols = request.isEachSymbol ? fill.symbols : ['']
    for (const symbol of symbols) {
      const { paging } = request
      if (paging === undefined) {
        yield await ask(request, targetOf(request, { date: fill.date, symbol }))
        continue
      }
      for (let page = 0; page < MOST_PAGES; page++) {
        const more = { [paging.parameter]: String(paging.first + page) }
        const answer = await ask(request, targetOf(request, { date: fill.date, symbol }, more))
        yield answer
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

function isEmpty(body: string, list: string | undefined): boolean {
  const parsed: unknown = JSON.parse(body)
  const found = list === undefined ? parsed : isObject(parsed) ? parsed[list] : undefined
  return !Array.isArray(found) || found.length === 0
}

async function attempt(
  { address, headers }: RestSource,
  { name }: RestRequest,
  target: string,
  limit: RateLimit,
  signal: AbortSignal
): Promise<RestAnswer> {
  await limit.enter(signal)
  try {
    const response = await fetch(address + target, {
      headers: { ...headers, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    })
    limit.heed(response.status, response.headers)
    const body = await bodyOf(response)
    const { status } = response
    if (status === 429 || status >= 500) throw away(target, `status ${status} found, expected 200`)
    if (status !== 200) throw refused(target, status)
    checkJson(target, body)
    return { request: name, target, status, receivedAt: new Date().toISOString(), body }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    if (signal.aborted) throw new TapedeckError('ABORTED', `${target} was aborted`, { cause })
    const beneath =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : ''
    throw away(target, beneath === '' ? messageOf(cause) : `${messageOf(cause)}, ${beneath}`, cause)
  }
}

async function bodyOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_BODY_BYTES) throw new Error(`more than ${MOST_BODY_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function checkJson(target: string, body: string): void {
  try {
    JSON.parse(body)
  } catch (cause) {
    throw away(target, `no JSON found (${messageOf(cause)}), expected an answer in JSON`, cause)
  }
}

const EXPECTED: Readonly<Record<number, string>> = {
  401: 'valid credentials',
  403: 'a plan that includes it'
}

function refused(target: string, status: number): TapedeckError {
  return new TapedeckError(
    'FEED_REFUSED',
    `The source refuses ${target}: status ${status} found, expected ${EXPECTED[status] ?? '200'}`,
    { details: { status } }
  )
}

function away(target: string, found: string, cause?: unknown): TapedeckError {
  return new TapedeckError('FEED_DISCONNECTED', `The source does not answer ${target}: ${found}`, {
    cause
  })
}
