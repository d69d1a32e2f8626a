import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { object, text } from '@tapedeck/client/rows'
import { assert, didYouMean, hasCode, TapedeckError, type Clock } from '@tapedeck/core'
import type { ForecastSpec, QuoteLimits, Timeframe } from '@tapedeck/domain'
import type { Logger, Metrics } from '@tapedeck/service'
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawServerDefault
} from 'fastify'
import { Type, type Static, type TProperties, type TSchema } from 'typebox'
import type { ReadBudget } from './budget.ts'
import type { TokenStore } from './access/tokens.ts'
import { rowWith } from '@tapedeck/table'
import { LoadCache } from './load-cache.ts'
import { readPath, readQuery, type RequestProblem } from './query.ts'
import { notesHeader, withReadNotes, type Reader, type ReadNotes } from './reader.ts'

/** The server as files of routes see it: the schemas of a route give the types of its handler. */
export type Routes = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** What answers depend on, of the configuration of the api. */
interface RouteConfig {
  /** The configured symbols. */
  readonly symbols: readonly string[]
  readonly maxSymbols: number
  readonly quotes: QuoteLimits
  /** The configured forecasts. */
  readonly forecasts: readonly ForecastSpec[]
  /** The configured timeframes. */
  readonly timeframes: readonly Timeframe[]
  /** Where browsers reach the api. */
  readonly browserUrl: string
}

/** What handlers need. */
export interface RouteTools {
  readonly reader: Reader
  readonly config: RouteConfig
  readonly tokens: Pick<TokenStore, 'hasFor'>
  readonly share: Share
  readonly budget: ReadBudget
  readonly metrics: Metrics
  readonly clock: Clock
}

export {
  flag,
  flagOrNull,
  number,
  numberOrNull,
  object,
  orNull,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull,
  words
} from '@tapedeck/client/rows'

export function rows<P extends TProperties>(row: P) {
  return Type.Unsafe<readonly Static<ReturnType<typeof object<P>>>[]>(Type.Array(object(row)))
}

/** What is said of DATABASE_UNREACHABLE to a client; the log has the address. */
export const DATABASE_AWAY = 'The database does not answer, expected MongoDB at MONGODB_URI'

/** The body of every error. */
const ERROR = Type.Object(
  {
    error: object({
      code: text,
      field: Type.Optional(text),
      message: text,
      problems: Type.Optional(rows({ field: text, message: text }))
    })
  },
  { additionalProperties: false, description: 'What does not fit, or what failed' }
)

/** The responses of a route: its answer, and errors. */
export function answers<T extends TSchema>(answer: T) {
  return { 200: answer, ...ERRORS }
}

export const ERRORS = { '4xx': ERROR, '5xx': ERROR }

/**
 * Reads query string and path by the schemas of the route before its handler, which finds the values in `request.query`
 * and `request.params`. Ajv would neither report all mistakes at once nor say what was probably meant.
 */
export function readParameters(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true)
  app.addHook('preValidation', async (request) => {
    const { querystring, params } = (request.routeOptions.schema ?? {}) as Partial<
      Record<'querystring' | 'params', TSchema>
    >
    const query = querystring === undefined ? undefined : readQuery(request.query, querystring)
    const path = params === undefined ? undefined : readPath(request.params, params)
    const problems = [...(query?.problems ?? []), ...(path?.problems ?? [])]
    if (problems.length > 0) throw invalidRequest(problems)
    if (query?.problems === undefined && query !== undefined) request.query = query.values
    if (path?.problems === undefined && path !== undefined) request.params = path.values
  })
}

/** Equal requests within this time share one read, so no shared answer is older. */
export const SHARE_MS = 250
const SHARED_ANSWERS = { ttlMs: SHARE_MS, maxEntries: 500, maxWeight: 32 * 1024 * 1024 } as const
/** Weights are in rows of the request: the panels of a dashboard ask for few. */
const SHARED_READS = { ttlMs: SHARE_MS, maxEntries: 100, maxWeight: 20_000 } as const

/** What a read found and lacks, its answers by their fields, and what it costs in rows. */
interface Found {
  readonly value: Fields
  readonly notes: ReadNotes
  readonly written: Map<string, Promise<Answer>>
  readonly cost: number
}

type Shared<T> = ReturnType<LoadCache<T>['get']>

/** The bytes of an answer, and what they lack. */
interface Answer {
  readonly body: Buffer
  /** Of its content. */
  readonly etag: string
  readonly notes: ReadNotes
}

/**
 * Answers a request with JSON, from one read for all requests of the route that ask the same. `fields` of the query
 * chooses fields of the rows of its first list; other lists are left out then. Requests for some fields share a read
 * whichever fields they are, those for all share the bytes: serialising many rows costs as much as reading them.
 * @param schema the schema of the answer, as in the route
 * @param asked what the answer depends on, normalised
 * @param rows what the read costs: the rows that it may return, or as much as so many rows
 */
export type Share = <T extends TSchema>(
  reply: FastifyReply,
  schema: T,
  asked: object,
  load: () => Promise<Static<T>>,
  rows?: number
) => Promise<FastifyReply>

/** The cost of a read that does not say another: as that of a row for each of 500 symbols. */
const SMALL_READ = 500

/** Reads within `budget`; a read is aborted when nobody waits for it any more. */
export function sharedAnswers(metrics: Metrics, budget: ReadBudget, clock: Clock): Share {
  const reads = metrics.counter(
    'api_answers_total',
    'Answers of data routes, by whether they shared a read with another request',
    ['route', 'shared']
  )
  const held = new LoadCache<Answer>({ ...SHARED_ANSWERS, weigh: ({ body }) => body.length, clock })
  const found = new LoadCache<Found>({ ...SHARED_READS, weigh: ({ cost }) => cost, clock })
  return async (reply, schema, asked, load, cost = SMALL_READ) => {
    const selected = selectedOf(reply, schema)
    const { url: route = '' } = reply.request.routeOptions
    const key = `${route} ${JSON.stringify({ ...asked, fields: undefined })}`
    const read = async (signal: AbortSignal): Promise<Found> => ({
      ...(await withReadNotes(load, signal)),
      written: new Map(),
      cost
    })
    const write = async ({ value: answer, notes }: Found): Promise<Answer> => {
      const body = await jsonOf(reply, answer, selected)
      const hash = createHash('sha1')
        .update(body)
        .update(JSON.stringify([...notes]))
      return { body, etag: `W/"${hash.digest('base64url')}"`, notes }
    }
    const ofAll = (): Shared<Answer> =>
      held.get(key, (signal) => budget.run(cost, signal, async () => write(await read(signal))))
    const ofSelected = (fields: readonly string[]): Shared<Answer> => {
      const shared = found.get(key, (signal) => budget.run(cost, signal, () => read(signal)))
      const writtenOnce = async (): Promise<Answer> => {
        const rowsRead = await shared.value
        const name = fields.join()
        const answer = rowsRead.written.get(name) ?? write(rowsRead)
        rowsRead.written.set(name, answer)
        return answer
      }
      return { ...shared, value: writtenOnce() }
    }
    const { value, hit, leave } = selected === undefined ? ofAll() : ofSelected(selected.fields)
    reads.inc({ route, shared: String(hit) })
    reply.raw.once('close', leave)
    const { body, etag, notes } = await value
    // Kept by caches only to ask whether it is still the same.
    reply.headers({ 'cache-control': 'no-cache', etag, ...notesHeader(notes) })
    const known = reply.request.headers['if-none-match']?.split(',').map((one) => one.trim())
    if (known?.includes(etag) === true || known?.includes('*') === true)
      return reply.code(304).send()
    return reply.header('content-type', 'application/json; charset=utf-8').send(body)
  }
}

/** A signal that is aborted when the client has left. */
export function leaving({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}

/** Rows that are made or serialised in one go, about 2 ms. */
const PIECE_ROWS = 500

/** The rows of documents, made in pieces, between which other requests have their turn. */
export async function rowsOf<D, R>(found: readonly D[], rowOf: (document: D) => R): Promise<R[]> {
  const made: R[] = []
  for (let at = 0; at < found.length; at += PIECE_ROWS) {
    if (at > 0) await setImmediate()
    made.push(...found.slice(at, at + PIECE_ROWS).map(rowOf))
  }
  return made
}

/** A list of an answer, and fields of its rows. */
interface Selected {
  readonly name: string
  readonly fields: readonly string[]
}

/** Whether a part of an answer is a list, or an object with one. */
function hasList(value: unknown): boolean {
  if (Array.isArray(value)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(Array.isArray)
}

/** The first list in the schema of an answer, with all fields of its rows; undefined when it has none. */
export function firstList(schema: object): Selected | undefined {
  const { properties = {} } = schema as {
    readonly properties?: Readonly<Record<string, { readonly items?: { properties?: object } }>>
  }
  const [name, list] = Object.entries(properties).find(([, one]) => one.items !== undefined) ?? []
  if (name === undefined) return undefined
  return { name, fields: Object.keys(list?.items?.properties ?? {}) }
}

/** @throws 400 where rows have no such field */
export function checkFields(fields: readonly string[], known: readonly string[]): void {
  const problems = fields
    .filter((field) => !known.includes(field))
    .map((field) => ({
      field: 'fields',
      message: `fields has '${field}', expected some of ${known.join(', ')}${didYouMean(field, known)}`
    }))
  if (problems.length > 0) throw invalidRequest(problems)
}

/** The `fields` of a request: of the first list of the answer. @throws 400 where rows have no such field */
function selectedOf({ request }: FastifyReply, schema: TSchema): Selected | undefined {
  const { fields } = request.query as { readonly fields?: readonly string[] }
  if (fields === undefined) return undefined
  const list = firstList(schema)
  assert(list !== undefined, `${request.routeOptions.url} has no list, but fields of it`)
  checkFields(fields, list.fields)
  return { name: list.name, fields }
}

type Fields = Readonly<Record<string, unknown>>

/** A function that writes an answer: by the schema of its route, or only selected fields of one of its lists. */
function writerOf(reply: FastifyReply, selected: Selected | undefined): (answer: Fields) => string {
  return (answer) => {
    // The schema of the route would miss the fields that were not selected.
    const json = selected === undefined ? reply.serialize(answer) : selectedJson(answer, selected)
    assert(typeof json === 'string', 'An answer is not serialised as text')
    return json
  }
}

function selectedJson(answer: Fields, { name, fields }: Selected): string {
  const list = (answer[name] as readonly Fields[]).map((row) => rowWith(row, fields))
  return JSON.stringify({ ...answer, [name]: list })
}

/** An answer without its lists but that one, which stands first. */
function withoutOtherLists(answer: Fields, name: string): Fields {
  const others = Object.entries(answer).filter(([, value]) => !hasList(value))
  return { [name]: answer[name], ...Object.fromEntries(others) }
}

/** The JSON of an answer; of a long list in pieces, between which other requests have their turn. */
async function jsonOf(
  reply: FastifyReply,
  everything: Fields,
  selected: Selected | undefined
): Promise<Buffer> {
  const answer = selected === undefined ? everything : withoutOtherLists(everything, selected.name)
  const write = writerOf(reply, selected)
  const [name, list] =
    Object.entries(answer).find(
      (entry): entry is [string, unknown[]] =>
        Array.isArray(entry[1]) && entry[1].length > PIECE_ROWS
    ) ?? []
  if (name === undefined || list === undefined) return Buffer.from(write(answer))
  const around = write({ ...answer, [name]: [] })
  const cut = around.indexOf(`${JSON.stringify(name)}:[]`) + JSON.stringify(name).length + 2
  const end = around.length - cut
  const parts = [Buffer.from(around.slice(0, cut))]
  for (let at = 0; at < list.length; at += PIECE_ROWS) {
    const piece = write({ ...answer, [name]: list.slice(at, at + PIECE_ROWS) })
    parts.push(Buffer.from(`${at === 0 ? '' : ','}${piece.slice(cut, -end)}`))
    await setImmediate()
  }
  return Buffer.concat([...parts, Buffer.from(around.slice(cut))])
}

type ErrorBody = Static<typeof ERROR>

/** 400 with every mistake; `field` is that of the first problem. */
export function sendProblems(
  reply: FastifyReply,
  problems: readonly RequestProblem[],
  status = 400
): FastifyReply {
  const message = problems.map((problem) => problem.message).join('; ')
  const field = problems[0]?.field ?? 'request'
  return send(reply, status, { error: { code: 'REQUEST_INVALID', field, message, problems } })
}

/** An error that concerns no single field of the request. */
export function sendRefusal(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string
): FastifyReply {
  return send(reply, status, { error: { code, message } })
}

/** An error that sendFailure answers with 404. */
export function notFound(field: string, message: string): Error {
  return Object.assign(new Error(message), { statusCode: 404, problems: [{ field, message }] })
}

/** An error that sendFailure answers with 400. */
export function invalidRequest(problems: readonly RequestProblem[]): Error {
  const message = problems.map((problem) => problem.message).join('; ')
  return Object.assign(new Error(message), { statusCode: 400, problems })
}

/** A path with a handler, and the methods that it takes. */
export type KnownPaths = ReadonlyMap<string, readonly string[]>

/** The paths of every route that is added from now on, but for those hidden from the document. */
export function knownPaths(app: FastifyInstance): KnownPaths {
  const known = new Map<string, string[]>()
  app.addHook('onRoute', ({ method, url, schema }) => {
    const methods = known.get(url) ?? []
    if (schema?.hide !== true) known.set(url, methods.concat(method))
  })
  return known
}

/**
 * 404 that lists the routes, and suggests the nearest one; 405 with `Allow` where the path is known, but not with this
 * method.
 */
export function sendUnknownRoute(
  request: FastifyRequest,
  reply: FastifyReply,
  known: KnownPaths
): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? ''
  const { method } = request
  const here = [...known].filter(([pattern]) => isOf(pattern, path))
  const allowed = here.flatMap(([, methods]) => methods)
  if (allowed.length > 0) {
    const expected = here.map(([pattern, of]) => `${of.join(' or ')} of ${pattern}`).join(', ')
    const message = `method is ${method}, expected ${expected}`
    reply.header('allow', allowed.join(', '))
    return sendProblems(reply, [{ field: 'method', message }], 405)
  }
  const paths = [...known].flatMap(([pattern, of]) => (of.includes('GET') ? [pattern] : []))
  if (method !== 'GET' && method !== 'HEAD') {
    const changes = [...known].flatMap(([pattern, of]) =>
      of.filter((one) => one !== 'GET' && one !== 'HEAD').map((one) => `${one} ${pattern}`)
    )
    const message = `method is ${method}, expected GET of ${paths.join(', ')}, or ${changes.join(', ')}`
    return sendProblems(reply, [{ field: 'method', message }], 404)
  }
  const hint = didYouMean(path, paths)
  const message = `path is '${path}', expected one of ${paths.join(', ')}${hint}`
  return sendProblems(reply, [{ field: 'path', message }], 404)
}

/** Whether a path is one of a pattern such as /bars/:id/trades. */
function isOf(pattern: string, path: string): boolean {
  const parts = path.split('/')
  const expected = pattern.split('/')
  return (
    parts.length === expected.length &&
    expected.every((one, at) => (one.startsWith(':') ? parts[at] !== '' : parts[at] === one))
  )
}

/**
 * Answers a failure: 503 when the database is away, the status of a refusal by Fastify, otherwise 500. The
 * log has the details; the caller gets the request id to find them.
 */
export function sendFailure(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger
): FastifyReply {
  if (hasCode(error, 'DATABASE_UNREACHABLE')) {
    log.warn({ code: error.code, url: request.url }, error.message)
    return send(reply.header('retry-after', '1'), 503, {
      error: { code: error.code, message: DATABASE_AWAY }
    })
  }
  if (hasCode(error, 'OVERLOADED')) {
    const { code, message } = error
    return send(reply.header('retry-after', '1'), 429, { error: { code, message } })
  }
  // Its client has left, so nobody reads the answer.
  if (hasCode(error, 'ABORTED')) {
    return send(reply, 503, { error: { code: error.code, message: error.message } })
  }
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500
  if (status >= 400 && status < 500) {
    const { message } = error
    const { problems = [{ field: 'request', message }] } = error as {
      readonly problems?: readonly RequestProblem[]
    }
    return sendProblems(reply, problems, status)
  }
  const code = error instanceof TapedeckError ? error.code : 'INTERNAL_ERROR'
  log.error({ err: error, code, requestId: request.id, url: request.url }, 'request failed')
  const message = `The api failed on this request; its log says why under request ${request.id}`
  return send(reply, status === 503 ? 503 : 500, { error: { code: 'INTERNAL_ERROR', message } })
}

function send(reply: FastifyReply, status: number, body: ErrorBody): FastifyReply {
  return reply.status(status).header('cache-control', 'no-store').send(body)
}

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const

/** Counts and times requests by route and status. Unknown paths share one label. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const seconds = metrics.histogram(
    'api_request_duration_seconds',
    'Time from the request to the end of its answer; the count is the number of requests',
    BUCKETS_S,
    ['route', 'status']
  )
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    seconds.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
  })
}
