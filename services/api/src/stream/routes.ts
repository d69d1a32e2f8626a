import websocket, { type WebSocket, type WebsocketHandler } from '@fastify/websocket'
import { systemClock, type Clock } from '@tapedeck/core'
import type { ServiceContext } from '@tapedeck/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Reader } from '../reader.ts'
import type { runRows } from '../routes/batch.ts'
import { ERRORS, sendProblems, sendRefusal } from '../http.ts'
import { TOKEN_PROTOCOL } from '../access/route-access.ts'
import { OWN_FORMAT, type Format, type Outlet } from './client.ts'
import { CHANNELS } from './events.ts'
import { FINNHUB_FORMAT, FinnhubSession } from './finnhub.ts'
import { MOST_REPLAYS, ReplayPlaces } from '../replay/replays.ts'
import type { Horizons } from '../replay/stored-rows.ts'
import type { LiveHub } from './hub.ts'
import { readRequest } from './messages.ts'
import { MAX_KEYS, StreamSession, type SessionTools } from './session.ts'
import { MOST_RUNS, RunWatch } from './runs.ts'
import { MAX_SNAPSHOT_ROWS } from './snapshot.ts'
import { HEARTBEAT_MS, Subscribers } from './subscribers.ts'

/** Limits of the stream; the welcome names them. */
const LIMITS = {
  clients: 1000,
  /** Bytes of one message of a client. */
  messageBytes: 64 * 1024,
  /** Requests of one client that wait for their answers. */
  waitingRequests: 100,
  subscriptions: MAX_KEYS,
  snapshotRows: MAX_SNAPSHOT_ROWS,
  snapshotRuns: MOST_RUNS,
  /** Replays of one client at the same time. */
  replays: MOST_REPLAYS.ofClient
} as const

/** Codes to close a WebSocket with: RFC 6455, section 7.4, and IANA's registry of such codes. */
const CLOSE = { policy: 1008, restart: 1012, tryLater: 1013 } as const
/** A client that does not answer a ping within one interval is taken for gone. */
const PING_MS = 30_000

/** What the api's configuration says about clients of the stream. */
interface StreamConfig {
  /** Symbols of a client that speaks Finnhub's protocol at most. */
  readonly maxSymbols: number
  /** How far ahead forecasts are made. */
  readonly forecasts: Horizons
}

/** What the api reads from the database for the stream. */
interface StreamSources {
  readonly reader: Reader
  readonly rowsOf: ReturnType<typeof runRows>
}

/** Adds the stream as WebSocket and as server-sent events. */
export function addStreamRoutes(
  app: FastifyInstance,
  hub: LiveHub | undefined,
  { reader, rowsOf }: StreamSources,
  config: StreamConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): void {
  if (hub === undefined) {
    const refuse = (_request: FastifyRequest, reply: FastifyReply): FastifyReply =>
      sendRefusal(reply, 503, 'STREAM_OFF', NO_BROKER)
    void app.register(async (scope) => {
      scope.setValidatorCompiler(unchecked)
      for (const [path, schema] of Object.entries(SCHEMAS)) {
        scope.get(path, { schema, config: path === '/finnhub' ? FINNHUB_ACCESS : ACCESS }, refuse)
      }
    })
    return
  }
  const runs = new RunWatch(reader, rowsOf, context, clock)
  const subscribers = new Subscribers(hub, runs, context.metrics, clock)
  context.defer(() => subscribers.close())
  const { signal } = context
  const [horizons, replays] = [config.forecasts, new ReplayPlaces()]
  const tools: SessionTools = { hub, runs, subscribers, reader, clock, signal, horizons, replays }
  void app.register(websocket, {
    options: { maxPayload: LIMITS.messageBytes, handleProtocols: protocolOf }
  })
  void app.register((scope, _options, done) => {
    scope.setValidatorCompiler(unchecked)
    addRoutes(scope, tools, config)
    done()
  })
}

const ACCESS = { scope: 'read', takesTokenInAddress: true } as const
/** Programs of that protocol have always a token, so it is checked wherever there are any. */
const FINNHUB_ACCESS = { ...ACCESS, needsAnyToken: true } as const

/** The protocol that is agreed on: any but one that is a token, which would be repeated in the answer. */
function protocolOf(offered: ReadonlySet<string>): string | false {
  return [...offered].find((one) => !one.startsWith(TOKEN_PROTOCOL)) ?? false
}

/** What the OpenAPI document says of the routes. readRequest reads what is asked, as a message of the WebSocket. */
const SCHEMAS = {
  '/api/v1/stream': {
    summary: 'The stream as a WebSocket, with JSON messages that begin with a subscription',
    response: ERRORS
  },
  '/api/v1/events': {
    summary: 'The stream as server-sent events',
    querystring: Type.Object({
      channels: Type.String({ description: `a list with commas of ${CHANNELS.join(', ')}` }),
      symbols: Type.Optional(Type.String({ description: 'a list with commas, or *' })),
      timeframes: Type.Optional(Type.String({ description: 'a list with commas', default: '1m' })),
      jobs: Type.Optional(
        Type.String({ description: 'of runs: a list with commas, or *', default: '*' })
      ),
      since: Type.Optional(
        Type.String({ description: 'send first what is stored since then: epoch ms or ISO 8601' })
      ),
      resume: Type.Optional(
        Type.String({ description: 'send first what came after the event with this id' })
      ),
      from: Type.Optional(
        Type.String({
          description: 'replay what is stored from this time on, instead of the stream'
        })
      ),
      to: Type.Optional(Type.String({ description: 'the end of the replay', default: 'now' })),
      speed: Type.Optional(Type.String({ description: '0.1 to 1000, or max', default: '1' }))
    }),
    response: {
      200: {
        description: 'Events without end',
        content: { 'text/event-stream': { schema: Type.String() } }
      },
      ...ERRORS
    }
  },
  '/finnhub': {
    summary: "The stream in Finnhub's own protocol, as a WebSocket",
    querystring: Type.Object({
      token: Type.Optional(Type.String({ description: 'a token of the api' }))
    }),
    response: ERRORS
  }
} as const

const unchecked = () => () => true

function addRoutes(app: FastifyInstance, tools: SessionTools, { maxSymbols }: StreamConfig): void {
  const { hub, subscribers, clock } = tools
  const onSocket: WebsocketHandler = (socket, request) => {
    const session = new StreamSession(tools, outletOf(socket, OWN_FORMAT))
    converse(socket, {
      request,
      subscribers,
      receive(text) {
        if (session.waiting < LIMITS.waitingRequests) session.receive(text)
        else socket.close(CLOSE.policy, `${LIMITS.waitingRequests} requests wait for answers`)
      },
      close: () => session.close()
    })
    socket.send(welcome(clock.now(), hub))
  }
  app.route({
    method: 'GET',
    url: '/api/v1/stream',
    schema: SCHEMAS['/api/v1/stream'],
    config: ACCESS,
    handler: (_request, reply) =>
      sendRefusal(reply.header('upgrade', 'websocket'), 426, 'REQUEST_INVALID', NO_UPGRADE),
    wsHandler: onSocket
  })
  const onFinnhub: WebsocketHandler = (socket, request) => {
    const session = new FinnhubSession(tools, outletOf(socket, FINNHUB_FORMAT), maxSymbols)
    converse(socket, {
      request,
      subscribers,
      receive: (text) => session.receive(text),
      close: () => session.close()
    })
  }
  app.route({
    method: 'GET',
    url: '/finnhub',
    schema: SCHEMAS['/finnhub'],
    config: FINNHUB_ACCESS,
    handler: (_request, reply) =>
      sendRefusal(reply.header('upgrade', 'websocket'), 426, 'REQUEST_INVALID', NO_UPGRADE),
    wsHandler: onFinnhub
  })
  const schema = SCHEMAS['/api/v1/events']
  app.get('/api/v1/events', { schema, config: ACCESS }, (request, reply) => {
    const query = request.query as Readonly<Record<string, string>>
    const lastId = request.headers['last-event-id']
    const { since, resume = lastId, ...selection } = query
    const isReplay = query['from'] !== undefined
    const message = isReplay
      ? { type: 'replay', id: 'events', ...query }
      : {
          type: 'subscribe',
          ...selection,
          ...(resume === undefined ? { since } : { resume })
        }
    const text = JSON.stringify(message)
    const { problems } = readRequest(text, clock.now())
    if (problems !== undefined) return sendProblems(reply, problems)
    if (subscribers.size >= LIMITS.clients) {
      return sendRefusal(
        reply.header('retry-after', '5'),
        503,
        'TOO_MANY_CLIENTS',
        `${LIMITS.clients} clients are connected`
      )
    }
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no'
    })
    const outlet: Outlet = {
      format: OWN_FORMAT,
      send(data, point) {
        raw.cork()
        raw.write(point === undefined ? 'data: ' : `id: ${point}\ndata: `)
        raw.write(data)
        raw.write('\n\n')
        raw.uncork()
      },
      get bufferedBytes() {
        return raw.writableLength
      },
      close: () => void raw.end()
    }
    const session = new StreamSession(tools, outlet, () => void raw.end())
    raw.on('close', () => session.close())
    session.receive(text)
    return reply
  })
}

/** Sends to a WebSocket. */
function outletOf(socket: WebSocket, format: Format): Outlet {
  return {
    format,
    send: (text) => socket.send(text, { binary: false }),
    get bufferedBytes() {
      return socket.bufferedAmount
    },
    close: (reason) => socket.close(CLOSE.restart, reason)
  }
}

/** Reads a WebSocket until it closes, and ends one whose client does not answer pings. */
function converse(
  socket: WebSocket,
  { request: { grant }, subscribers, receive, close }: Conversation
): void {
  if (grant !== undefined) {
    grant.withdraw = () => socket.close(CLOSE.policy, 'the token was withdrawn')
  }
  let isAlive = true
  const pings = setInterval(() => {
    if (!isAlive) socket.terminate()
    isAlive = false
    socket.ping()
  }, PING_MS)
  socket.on('pong', () => {
    isAlive = true
  })
  socket.on('message', (data, isBinary) => {
    isAlive = true
    if (isBinary) socket.close(CLOSE.policy, 'expected text')
    else receive((data as Buffer).toString())
  })
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    clearInterval(pings)
    close()
  })
  if (subscribers.size > LIMITS.clients) {
    socket.close(CLOSE.tryLater, `${LIMITS.clients} clients are connected`)
  }
}

interface Conversation {
  readonly request: FastifyRequest
  readonly subscribers: Subscribers
  receive(text: string): void
  close(): void
}

const NO_UPGRADE =
  'The stream speaks WebSocket, expected a client such as new WebSocket(url); /api/v1/events streams over HTTP'
const NO_BROKER = 'The stream is off: the api was started without a broker, expected KAFKA_BROKERS'

function welcome(nowMs: number, { resume, trouble }: LiveHub): string {
  return JSON.stringify({
    type: 'welcome',
    time: nowMs,
    channels: CHANNELS,
    heartbeatMs: HEARTBEAT_MS,
    limits: LIMITS,
    isReading: trouble === undefined,
    reason: trouble ?? null,
    resume
  })
}
