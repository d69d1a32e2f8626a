import { assert, systemClock, type Clock } from '@tapedeck/core'
import { addHealthRoutes, type ServiceContext } from '@tapedeck/service'
import fastify, { type FastifyInstance } from 'fastify'
import type { ApiConfig } from './config.ts'
import type { BarSummary } from './bar-account.ts'
import type { DataRoute, PathParameters } from './data-route.ts'
import { dataRoutes } from './data-routes.ts'
import type { Reader } from './database-reader.ts'
import { LoadCache } from './load-cache.ts'
import { readQuery } from './query.ts'
import { notesHeader, withReadNotes, type ReadNotes } from './read-notes.ts'
import type { SharedTrades } from './recent-trades.ts'
import { sendFailure, sendProblems, sendUnknownRoute } from './replies.ts'
import { measureRequests } from './request-metrics.ts'
import { ERROR_SCHEMA } from './schemas.ts'
import type { LiveHub } from './stream/hub.ts'
import { addStreamRoutes } from './stream/routes.ts'
import { addSymbolRoutes } from './symbol-routes.ts'
import { addPageRoutes } from './web/page-routes.ts'

export interface ApiDeps {
  readonly reader: Reader
  readonly context: ServiceContext
  /** Reads the broker; undefined: there is no stream. */
  readonly hub?: LiveHub | undefined
  readonly clock?: Clock
}

/** Equal requests within this time share one read, so no shared answer is older. */
const SHARE_MS = 250
const SHARED_ANSWERS = { ttlMs: SHARE_MS, maxEntries: 500, maxWeight: 32 * 1024 * 1024 } as const
/** Rows; a trade takes about half a kilobyte. */
const SHARED_TRADES = { ttlMs: SHARE_MS, maxEntries: 100, maxWeight: 40_000 } as const

/** Counts of a bar's trades are cached by the content of the bar, so that paging counts once. */
const SHARED_SUMMARIES = { ttlMs: 30_000, maxEntries: 200, maxWeight: 200 } as const

/** Every limit of the HTTP server is explicit: a slow or stuck client must not hold a socket. */
const LIMITS = {
  connectionTimeout: 30_000,
  requestTimeout: 5000,
  keepAliveTimeout: 65_000,
  /** Above the limit of a read, so that a database that hangs is reported as such. */
  handlerTimeout: 2900,
  bodyLimit: 1024,
  forceCloseConnections: true,
  /** Ids of bars are longer than the 100 characters that Fastify allows. */
  routerOptions: { maxParamLength: 300 },
  http: { headersTimeout: 5000, maxHeaderSize: 16 * 1024 }
} as const
const MAX_CONNECTIONS = 1000
const ANSWER_STATUSES = [400, 404, 500, 503] as const

/** The api as a Fastify instance that does not listen yet; tests call it by `inject`. */
export function buildApi(
  { reader, context, hub, clock = systemClock }: ApiDeps,
  config: ApiConfig
): FastifyInstance {
  const { log, metrics } = context
  const app: FastifyInstance = fastify({
    ...LIMITS,
    logger: false,
    genReqId: () => crypto.randomUUID(),
    frameworkErrors: (error, request, reply) => sendFailure(error, request, reply, log)
  })
  app.server.maxConnections = MAX_CONNECTIONS
  const paths: string[] = []
  const changes: string[] = []
  app.addHook('onRoute', ({ method, url }) => {
    if (method === 'GET') paths.push(url)
    else if (method !== 'HEAD') changes.push(`${String(method)} ${url}`)
  })
  app.setErrorHandler<Error>((error, request, reply) => sendFailure(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => sendUnknownRoute(request, reply, paths, changes))
  measureRequests(app, metrics)

  const reads = metrics.counter(
    'api_answers_total',
    'Answers of data routes, by whether they shared a read with another request',
    ['route', 'shared']
  )
  const sharedTrades = new LoadCache<SharedTrades>({
    ...SHARED_TRADES,
    weigh: ({ value }) => value.length,
    clock
  })
  const summaries = new LoadCache<BarSummary>({ ...SHARED_SUMMARIES, weigh: () => 1, clock })
  const answers = new LoadCache<Answer>({
    ...SHARED_ANSWERS,
    weigh: ({ body }) => body.length,
    clock
  })
  const { symbols, maxSymbols, forecasts, token } = config
  const tools = { reader, symbols, maxSymbols, forecasts, isChangeable: token !== undefined }
  for (const route of dataRoutes({ ...tools, sharedTrades, summaries, clock })) {
    addDataRoute(app, route, answers, (shared) =>
      reads.inc({ route: route.path, shared: String(shared) })
    )
  }
  addStreamRoutes(app, hub, reader, { token, maxSymbols }, context, clock)
  addSymbolRoutes(app, reader, config, metrics)
  addHealthRoutes(
    app,
    'api',
    context,
    async () => {
      await reader.ping()
      return []
    },
    // What is stored can be read without the stream, so the api is ready.
    () =>
      hub?.trouble === undefined ? [] : [`The stream does not read the broker: ${hub.trouble}`]
  )
  addPageRoutes(app, config, context)
  return app
}

/** The bytes of an answer, and what they lack. */
interface Answer {
  readonly body: Buffer
  readonly notes: ReadNotes
}

function addDataRoute(
  app: FastifyInstance,
  route: DataRoute,
  answers: LoadCache<Answer>,
  count: (shared: boolean) => void
): void {
  const { path, parameters, summary, response, limitMs } = route
  const errors = Object.fromEntries(ANSWER_STATUSES.map((status) => [status, ERROR_SCHEMA]))
  const schema = { summary, response: { 200: response, ...errors } }
  const options = { schema, ...(limitMs !== undefined && { handlerTimeout: limitMs }) }
  app.get(path, options, async (request, reply) => {
    const reading = readQuery(request.query, parameters)
    if (reading.problems !== undefined) return sendProblems(reply, reading.problems)
    const { key, answer } = route.question(reading.query, request.params as PathParameters)
    // The bytes are shared, not the rows: serialising costs as much as reading.
    const { value, hit } = answers.get(`${path} ${key}`, async () => {
      const { value: found, notes } = await withReadNotes(answer)
      const text = reply.serialize(found)
      assert(typeof text === 'string', `${path} is not serialised as text`)
      return { body: Buffer.from(text), notes }
    })
    count(hit)
    const { body, notes } = await value
    return reply
      .headers({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        ...notesHeader(notes)
      })
      .send(body)
  })
}
