import type { FastifyRequest, RouteOptions } from 'fastify'
import { isLoopback, type PageStanding } from './hosts.ts'
import type { AccessConfig } from './settings.ts'
import type { Scope, TokenStore } from './tokens.ts'

/** What a route asks for; `public` asks for nothing. */
export type RouteScope = 'public' | Scope

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What callers of the route need. Without it: read for GET, admin for everything else. */
    scope?: RouteScope
    /** Callers may put the token into the address or offer it as a subprotocol: browsers cannot set headers of a stream or a page. */
    takesTokenInAddress?: boolean
    /** The route needs a token as soon as there are any, also where reading is open. */
    needsAnyToken?: boolean
  }
}

/** Routes of plugins and of libs/service, which know no scopes. */
const SCOPES_OF_OTHERS: Readonly<Record<string, RouteScope>> = {
  '/healthz': 'public',
  '/readyz': 'public',
  '/metrics': 'read'
}
/** The pages that show the document. */
const DOCS = /^\/docs(\/|$)/
/** A subprotocol that is a token: the rest of its name is the secret in base64url. */
export const TOKEN_PROTOCOL = 'tapedeck.token.'

/** The scope that a route declares, or that is known of it; undefined when it was forgotten. */
function declaredScope(url: string, declared: RouteScope | undefined): RouteScope | undefined {
  return declared ?? SCOPES_OF_OTHERS[url] ?? (DOCS.test(url) ? 'public' : undefined)
}

type Opening = Pick<AccessConfig, 'isOpen'>

/** What a request needs here and now: `public` also where reading is open. */
export function neededScope(
  { method, routeOptions }: Pick<FastifyRequest, 'method' | 'routeOptions'>,
  { isOpen }: Opening,
  tokens: Pick<TokenStore, 'size'>
): RouteScope {
  // Asked by browsers, which send no token with it.
  if (method === 'OPTIONS') return 'public'
  const { url, config } = routeOptions
  const isRead = method === 'GET' || method === 'HEAD' || url === undefined
  const scope =
    (url === undefined ? undefined : declaredScope(url, config.scope)) ??
    (isRead ? 'read' : 'admin')
  const isFree = isOpen && !(config.needsAnyToken === true && tokens.size > 0)
  return scope === 'read' && isFree ? 'public' : scope
}

/** Says in the document what a route needs. A route that declares no scope says nothing, which a test finds. */
export function describeSecurity(route: RouteOptions, { isOpen }: Opening): void {
  const { schema, config } = route
  const scope = declaredScope(route.url, config?.scope)
  if (schema === undefined || schema.hide === true || scope === undefined) return
  const needs = [
    ...(scope === 'read' && isOpen && config?.needsAnyToken !== true ? [{}] : []),
    { token: [scope] },
    ...(config?.takesTokenInAddress === true ? [{ tokenInAddress: [scope] }] : [])
  ]
  route.schema = { ...schema, security: scope === 'public' ? [] : needs }
}

/**
 * The token that a request brings; undefined when it brings none. One in the address is taken out of it, so that nothing that
 * comes later, such as a log, sees it.
 */
export function takeToken(request: FastifyRequest): string | undefined {
  const header = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
  if (request.routeOptions.config.takesTokenInAddress !== true) return header
  const query = request.query as Record<string, unknown>
  const inAddress = query['token']
  if (inAddress !== undefined) {
    delete query['token']
    const [path = '', search = ''] = (request.raw.url ?? '').split(/\?(.*)/s, 2)
    const others = search.split('&').filter((pair) => !new URLSearchParams(pair).has('token'))
    request.raw.url = others.length === 0 ? path : `${path}?${others.join('&')}`
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .find((one) => one.startsWith(TOKEN_PROTOCOL))
  const inProtocol =
    offered === undefined
      ? undefined
      : Buffer.from(offered.slice(TOKEN_PROTOCOL.length), 'base64url').toString()
  return [header, inAddress, inProtocol].find(
    (one): one is string => typeof one === 'string' && one !== ''
  )
}

export function isUpgrade({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** Whether a page that may not do so sends a change, or opens a stream. Programs send no Origin. */
export function isForeignPage(request: FastifyRequest, standing: PageStanding): boolean {
  const isChange = !['GET', 'HEAD', 'OPTIONS'].includes(request.method)
  if (isChange) return standing === 'foreign' || standing === 'any'
  return isUpgrade(request) && standing === 'foreign'
}

/** Whether a request was sent on this machine, and by no proxy. */
export function isFromHere({ ip, headers, socket }: FastifyRequest): boolean {
  const isPassedOn = headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined
  return !isPassedOn && (isLoopback(ip) || ip === socket.localAddress)
}
