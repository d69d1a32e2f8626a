import type { FastifyHelmetOptions } from '@fastify/helmet'

type Directives = Readonly<Record<string, readonly string[]>>

/** Nothing but this server's own files, and no markup that carries code or style. */
const PAGE = {
  'default-src': ["'none'"],
  'connect-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'style-src': ["'self'"],
  'script-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'self'"]
} as const

/** The plugin's own policy would ask browsers for https, which is not served here. */
const DOCS = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'style-src': ["'self'", "'unsafe-inline'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'self'"]
} as const

/** One file with its style in it. It is made of what was traded, so it may run nothing, load nothing and send nothing. */
const REPORT = {
  'default-src': ["'none'"],
  'style-src': ["'unsafe-inline'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'self'"],
  sandbox: []
} as const

/** Answers are no pages: where one is opened as a page, nothing runs and nothing is loaded. */
const ANSWERS = { 'default-src': ["'none'"], 'frame-ancestors': ["'self'"] } as const

/** Headers of every answer. */
export const HEADERS = {
  ...policyOf(ANSWERS),
  // The api itself speaks no TLS: these are for the proxy that does, and browsers warn of them on plain http.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  // Older than policies, and what it asks of browsers is switched off in all of today.
  xXssProtection: false
} satisfies FastifyHelmetOptions

/** What a route of the page declares as its `helmet`. */
export const PAGE_HEADERS = policyOf(PAGE)

/** What the route of the reports declares as its `helmet`. */
export const REPORT_HEADERS = policyOf(REPORT)

/** The policy of /docs as one text, as its plugin takes it. */
export const DOCS_POLICY: string = Object.entries(DOCS)
  .map(([name, sources]) => `${name} ${sources.join(' ')}`)
  .join('; ')

function policyOf(directives: Directives) {
  const own = Object.fromEntries(
    Object.entries(directives).map(([name, sources]) => [name, [...sources]])
  )
  return { contentSecurityPolicy: { useDefaults: false, directives: own } }
}
