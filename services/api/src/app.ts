import { readFileSync } from 'node:fs'
import { constants } from 'node:zlib'
import compress, { type FastifyCompressOptions } from '@fastify/compress'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { STREAM_ROWS } from '@tapedeck/client/rows'
import { systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import { openLake } from '@tapedeck/lake'
import { TABLE_FORMATS } from '@tapedeck/table'
import { addHealthRoutes, listen, type ServiceContext } from '@tapedeck/service'
import fastify, { type FastifyInstance } from 'fastify'
import { ReadBudget } from './budget.ts'
import { addAccess } from './access/access.ts'
import { DOCS_POLICY } from './access/policies.ts'
import { openTokens } from './access/token-file.ts'
import { TokenStore } from './access/tokens.ts'
import type { ApiConfig } from './config.ts'
import { FlowRecorder, type FlowTarget } from './flow/recorder.ts'
import { GrafanaLive } from './grafana-live.ts'
import {
  firstList,
  knownPaths,
  measureRequests,
  readParameters,
  sendFailure,
  sendUnknownRoute,
  sharedAnswers
} from './http.ts'
import { LakeReports } from './lake-reports.ts'
import { databaseReader, type Reader } from './reader.ts'
import { pipelineRoutes } from './routes/pipeline.ts'
import { batchRoutes, runRows } from './routes/batch.ts'
import { barRoutes } from './routes/bars.ts'
import { feedRoutes } from './routes/feed.ts'
import { flowRoutes } from './routes/flow.ts'
import { forecastRoutes } from './routes/forecasts.ts'
import { indicatorRoutes } from './routes/indicators.ts'
import { chartRoutes } from './routes/chart.ts'
import { watchlistRoutes } from './routes/watchlist.ts'
import { scoreRoutes } from './routes/scores.ts'
import { symbolRoutes } from './routes/symbols.ts'
import { tradeRoutes } from './routes/trades.ts'
import { LiveHub } from './stream/hub.ts'
import { addStreamRoutes } from './stream/routes.ts'
import { addPageRoutes } from './web/page-routes.ts'

/** Each list of the reports in an object store is a request to it. */
const REPORTS_KEPT_MS = 10_000

/**
 * Serves the REST api and the live page. Returns as soon as it listens, also without a database: data
 * routes then answer 503 until it is connected.
 *
 * @throws PORT_IN_USE when another process uses the port
 */
export async function startApi(
  config: ApiConfig,
  context: ServiceContext
): Promise<{ readonly url: string }> {
  const tokens = await openTokens(config.access, context)
  const reader = databaseReader(config.mongo, context)
  const hub =
    config.stream === undefined ? undefined : new LiveHub(config.stream, context, systemClock)
  const flow = new FlowRecorder(flowTargets(config, context), systemClock)
  const live = config.grafanaLive && new GrafanaLive(config.grafanaLive, context, systemClock)
  const app = buildApi({ reader, context, hub, tokens, flow, live }, config)
  const url = await listen(app, config.host, config.port)
  context.defer(() => app.close())
  hub?.start()
  context.defer(flow.start())
  if (hub !== undefined && live !== undefined) {
    hub.listen({ events: (events) => live.take(events), ended: () => undefined })
    context.defer(live.start())
  }
  context.log.info({ url }, 'api is served')
  return { url }
}

/** The services that METRICS_URLS names, and this one. */
function flowTargets({ metricsUrls }: ApiConfig, { metrics }: ServiceContext): FlowTarget[] {
  return [
    ...metricsUrls.map(({ service, url }) => ({
      service,
      url,
      read: async (signal: AbortSignal) => {
        const answer = await fetch(url, { signal })
        if (answer.ok) return answer.text()
        await answer.body?.cancel()
        throw new TapedeckError('SERVER_FAILED', `it answers ${answer.status}`)
      }
    })),
    { service: 'api', url: '', read: async () => (await metrics.expose()).body }
  ]
}

interface ApiDeps {
  readonly reader: Reader
  readonly context: ServiceContext
  /** Reads the broker; undefined: there is no stream. */
  readonly hub?: LiveHub | undefined
  /** Unless given, one that measures nothing. */
  readonly flow?: FlowRecorder
  /** Pushes last prices to a Grafana; undefined: none are pushed. */
  readonly live?: GrafanaLive | undefined
  /** Unless given, those of the environment. */
  readonly tokens?: TokenStore
  readonly clock?: Clock
}

/** Every limit of the HTTP server is explicit: a slow or stuck client must not hold a socket. */
const LIMITS = {
  connectionTimeout: 30_000,
  requestTimeout: 5000,
  keepAliveTimeout: 65_000,
  bodyLimit: 1024,
  forceCloseConnections: true,
  /** Ids of bars are longer than the 100 characters that Fastify allows. */
  routerOptions: { maxParamLength: 300 },
  http: { headersTimeout: 5000, maxHeaderSize: 16 * 1024 }
} as const
const MAX_CONNECTIONS = 1000
/** Quality 4 takes as long as gzip; smaller answers fit into one packet. */
const COMPRESSION = {
  threshold: 1400,
  encodings: ['br', 'gzip'],
  brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } },
  zlibOptions: { level: 4 }
} as const satisfies FastifyCompressOptions

/** The api as a Fastify instance that does not listen yet; tests call it by `inject`. */
export function buildApi(
  {
    reader,
    context,
    hub,
    live,
    tokens: given,
    clock = systemClock,
    flow = new FlowRecorder([], clock)
  }: ApiDeps,
  config: ApiConfig
): FastifyInstance {
  const { log, metrics } = context
  const tokens = given ?? new TokenStore(config.access.tokens)
  const app: FastifyInstance = fastify({
    ...LIMITS,
    logger: false,
    genReqId: () => crypto.randomUUID(),
    frameworkErrors: (error, request, reply) => sendFailure(error, request, reply, log)
  })
  app.server.maxConnections = MAX_CONNECTIONS
  const known = knownPaths(app)
  app.setErrorHandler<Error>((error, request, reply) => sendFailure(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => sendUnknownRoute(request, reply, known))
  measureRequests(app, metrics)
  addAccess(app, config.access, tokens, context)
  void app.register(compress, COMPRESSION)
  addDocument(app)

  const keptMs = config.lake.s3 === undefined ? 0 : REPORTS_KEPT_MS
  const reports = new LakeReports(openLake(config.lake), { keptMs, clock })
  // In a scope, because the document knows the routes that are added after its plugin.
  void app.register(async (scope) => {
    readParameters(scope)
    const routes = scope.withTypeProvider<TypeBoxTypeProvider>()
    const budget = new ReadBudget(config.budget, metrics)
    const share = sharedAnswers(metrics, budget, clock)
    const tools = { reader, config, tokens, share, budget, metrics, clock }
    symbolRoutes(routes, tools)
    feedRoutes(routes, tools)
    tradeRoutes(routes, tools)
    barRoutes(routes, tools)
    indicatorRoutes(routes, tools)
    pipelineRoutes(routes, tools, { log: hub, flow })
    flowRoutes(routes, tools, flow)
    chartRoutes(routes, tools)
    watchlistRoutes(routes, tools)
    forecastRoutes(routes, tools)
    scoreRoutes(routes, tools)
    batchRoutes(routes, tools, reports)
    addHealthRoutes(
      scope,
      'api',
      context,
      async () => {
        await reader.ping()
        return []
      },
      // What is stored can be read without the stream, so the api is ready.
      () => [
        ...(hub?.trouble === undefined
          ? []
          : [`The stream does not read the broker: ${hub.trouble}`]),
        ...(live?.trouble === undefined ? [] : [`Grafana Live takes no prices: ${live.trouble}`]),
        ...(tokens.trouble === undefined ? [] : [`Tokens are those of before: ${tokens.trouble}`])
      ]
    )
    addPageRoutes(scope, config, context)
    scope.get(
      '/openapi.json',
      { schema: { summary: 'This document' }, config: { scope: 'public' } },
      (_request, reply) =>
        reply
          .header('content-type', 'application/json; charset=utf-8')
          .send(JSON.stringify(app.swagger()))
    )
  })
  const rowsOf = runRows(reports, config, clock)
  addStreamRoutes(app, hub, { reader, rowsOf }, config, context, clock)
  return app
}

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8')
) as { readonly version: string }

/** Makes the OpenAPI document of the routes from their schemas, and pages to read and try it. */
function addDocument(app: FastifyInstance): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'tapedeck',
        version,
        description: 'Trades, bars and forecasts as stored, and live. Times are epoch milliseconds.'
      },
      components: {
        schemas: STREAM_ROWS as unknown as Readonly<Record<string, object>>,
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          tokenInAddress: { type: 'apiKey', in: 'query', name: 'token' }
        }
      }
    },
    transformObject: (found) =>
      describeTables('openapiObject' in found ? found.openapiObject : found.swaggerObject)
  })
  void app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY })
}

interface Described {
  readonly paths?: Readonly<Record<string, { readonly get?: DescribedRead } | undefined>>
}
interface DescribedRead {
  readonly parameters?: readonly { readonly name: string; schema?: object; description?: string }[]
  readonly responses?: { readonly 200?: { content?: Readonly<Record<string, Content>> } }
}
interface Content {
  readonly schema?: object
}

/** Adds the fields of rows to parameters named so, and the other formats to answers that can have them. */
function describeTables<D extends object>(document: D): D {
  for (const read of Object.values((document as Described).paths ?? {})) {
    const { parameters = [], responses } = read?.get ?? {}
    const { 200: answer } = responses ?? {}
    const { fields: names = [] } =
      firstList(answer?.content?.['application/json']?.schema ?? {}) ?? {}
    const fields = parameters.find(({ name }) => name === 'fields')
    if (fields !== undefined && names.length > 0) {
      fields.description = `names of fields with commas, some of ${names.join(', ')}`
    }
    if (answer === undefined || !parameters.some(({ name }) => name === 'format')) continue
    const others = Object.values(TABLE_FORMATS).map(({ contentType }) => [
      contentType.split(';', 1)[0] ?? contentType,
      {
        schema: {
          type: 'string',
          description: 'a table of all rows; the trailer tapedeck-rows counts them'
        }
      }
    ])
    answer.content = {
      ...answer.content,
      ...(Object.fromEntries(others) as Record<string, Content>)
    }
  }
  return document
}
