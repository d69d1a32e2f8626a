import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { ServiceContext } from '@tapedeck/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendRefusal } from '../http.ts'
import { isOwnHost, pageStanding } from './hosts.ts'
import { HEADERS } from './policies.ts'
import * as refusals from './refusals.ts'
import {
  describeSecurity,
  isForeignPage,
  isFromHere,
  isUpgrade,
  neededScope,
  takeToken
} from './route-access.ts'
import type { AccessConfig } from './settings.ts'
import { includes, type Scope, type Token, type TokenStore } from './tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined when the request needed no token. */
    grant: Grant | undefined
  }
}

/** What a token allowed a request. */
interface Grant {
  readonly token: Token
  readonly scope: Scope
  /** Called when the token is withdrawn; breaks the connection unless the route replaces it. */
  withdraw: () => void
}

/** Whoever watches over the api asks these, and is never limited. */
const PROBES: readonly (string | undefined)[] = ['/healthz', '/readyz']
const MINUTE_MS = 60_000
/** Addresses and tokens that are counted, for each kind of limit: the least recent one is forgotten. */
const MAX_COUNTED = 10_000
const EXPOSED_HEADERS = ['retry-after', 'tapedeck-rows', 'tapedeck-unreadable']
const HIDDEN_REASON = 'not told here, expected a request from this machine'

/**
 * Lets requests in or refuses them before anything else reads them: Host and Origin, limits, tokens and their scopes. Adds
 * the headers that tell browsers what a page may do. Routes declare what they need as `config: { scope }`.
 */
export function addAccess(
  app: FastifyInstance,
  config: AccessConfig,
  tokens: TokenStore,
  { log, metrics }: Pick<ServiceContext, 'log' | 'metrics'>
): void {
  const refused = metrics.counter(
    'api_refusals_total',
    'Requests that were refused before they were read, by reason',
    ['reason']
  )
  const refuse = (reply: FastifyReply, refusal: refusals.Refusal): FastifyReply => {
    refused.inc({ reason: refusal.reason })
    if (refusal.status === 401) void reply.header('www-authenticate', 'Bearer realm="tapedeck"')
    return sendRefusal(reply, refusal.status, refusal.code, refusal.message)
  }
  app.decorateRequest('grant', undefined)
  app.addHook('onRoute', (route) => describeSecurity(route, config))
  void app.register(helmet, HEADERS)
  app.addHook('onRequest', async (request, reply) => {
    const isOwn = isOwnHost(request.headers.host, config.hosts, request.socket.localAddress)
    return isOwn ? undefined : refuse(reply, refusals.UNKNOWN_HOST)
  })
  // Node leaves the socket of a request to upgrade to whoever takes it, and a refused one is taken by nobody.
  app.addHook('onResponse', async (request) => {
    if (isUpgrade(request)) request.raw.socket.destroySoon()
  })
  allowOrigins(app, config.origins)
  void app.register(rateLimit, { global: false })
  app.after(() => {
    const limits = limitsOf(app, config)
    app.addHook('onRequest', async (request, reply) => {
      const refusal = await judge(request, reply, config, tokens, limits)
      if (refusal !== undefined) return refuse(reply, refusal)
      if (request.grant !== undefined) grants.hold(request, reply)
      return undefined
    })
  })
  const grants = new Grants(tokens, (name) =>
    log.info({ token: name }, 'a token was withdrawn: its connection is closed')
  )
  app.addHook('preSerialization', async (request, _reply, payload) => {
    const isTold = config.isOpen || isFromHere(request)
    if (request.routeOptions.url !== '/readyz' || isTold) return payload
    const { reasons, ...state } = payload as { readonly reasons: readonly string[] }
    return { ...state, reasons: reasons.length === 0 ? [] : [HIDDEN_REASON], warnings: [] }
  })
}

/** Why a request is refused; undefined when it is let in, with its grant when it needed a token. */
async function judge(
  request: FastifyRequest,
  reply: FastifyReply,
  config: AccessConfig,
  tokens: TokenStore,
  limits: Limits
): Promise<refusals.Refusal | undefined> {
  const { headers, raw, routeOptions } = request
  const given = takeToken(request)
  const standing = pageStanding(headers.origin, headers.host, config.origins)
  if (isForeignPage(request, standing)) return refusals.FOREIGN_PAGE
  const isStream = routeOptions.config.takesTokenInAddress === true
  const scope = neededScope(request, config, tokens)
  if (scope === 'public') return limits.countRequest(request, reply)
  if (!tokens.hasFor(scope)) {
    return (await limits.countRequest(request, reply)) ?? refusals.nobodyMay(scope)
  }
  const token = given === undefined ? undefined : tokens.find(given)
  if (token === undefined && given !== undefined) {
    return (await limits.countWrong(request, reply)) ?? refusals.wrongToken(isStream)
  }
  if (token !== undefined) {
    request.grant = { token, scope, withdraw: () => void raw.socket.destroy() }
  }
  const over = await limits.countRequest(request, reply)
  if (over !== undefined) return over
  if (token === undefined) return refusals.noToken(isStream)
  if (standing === 'any') return refusals.TOKEN_OF_ANY_PAGE
  return includes(token.scope, scope) ? undefined : refusals.lessScope(token, scope)
}

/** Lets pages of these origins read answers: the answers of browsers' questions in advance, and headers. */
function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return
  const isAny = origins.includes('*')
  void app.register(cors, {
    origin: isAny ? '*' : [...origins],
    methods: isAny ? ['GET', 'HEAD'] : ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['last-event-id', ...(isAny ? [] : ['authorization', 'content-type'])],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600
  })
  app.addHook('onRequest', async (_request, reply) => {
    // Answers that are written without Fastify have the headers of the raw one only.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value)
    }
  })
}

/** Counts; the refusal when it was too much. */
type Count = (request: FastifyRequest, reply: FastifyReply) => Promise<refusals.Refusal | undefined>

interface Limits {
  /** A request of a token, or of an address. */
  readonly countRequest: Count
  /** A wrong token of an address. */
  readonly countWrong: Count
}

/** Limits of a minute that begins with the first request of a token or an address. */
function limitsOf(
  app: FastifyInstance,
  { requestsPerMinute, wrongTokensPerMinute }: AccessConfig
): Limits {
  const window = { timeWindow: MINUTE_MS, cache: MAX_COUNTED }
  const requests = app.createRateLimit({
    ...window,
    max: requestsPerMinute,
    keyGenerator: ({ grant, ip }) =>
      grant === undefined ? normalizeIP(ip) : `token ${grant.token.name}`
  })
  const wrong = app.createRateLimit({
    ...window,
    max: wrongTokensPerMinute,
    keyGenerator: ({ ip }) => normalizeIP(ip)
  })
  return {
    async countRequest(request, reply) {
      if (requestsPerMinute === 0 || PROBES.includes(request.routeOptions.url)) return undefined
      const count = await requests(request)
      if (count.isAllowed) return undefined
      void reply.headers({
        'x-ratelimit-limit': count.max,
        'x-ratelimit-remaining': count.remaining,
        'x-ratelimit-reset': count.ttlInSeconds
      })
      if (!count.isExceeded) return undefined
      void reply.header('retry-after', count.ttlInSeconds)
      return refusals.tooManyRequests(count.max, request.grant !== undefined)
    },
    async countWrong(request, reply) {
      const count = await wrong(request)
      if (count.isAllowed || !count.isExceeded) return undefined
      void reply.header('retry-after', count.ttlInSeconds)
      return refusals.tooManyWrong(count.max)
    }
  }
}

/** The requests that are being answered for a token, streams included: they end when it is withdrawn. */
class Grants {
  readonly #held = new Set<Grant>()

  constructor(tokens: TokenStore, onWithdrawn: (name: string) => void) {
    tokens.listen(() => {
      for (const grant of this.#held) {
        if (tokens.stillAllows(grant.token, grant.scope)) continue
        onWithdrawn(grant.token.name)
        grant.withdraw()
      }
    })
  }

  hold(request: FastifyRequest, reply: FastifyReply): void {
    const { grant } = request
    if (grant === undefined) return
    this.#held.add(grant)
    // A socket may carry many requests, but an upgraded one carries its stream alone.
    const until = isUpgrade(request) ? request.raw.socket : reply.raw
    until.once('close', () => this.#held.delete(grant))
  }
}
