import { messageOf, TapedeckError } from '@tapedeck/core'
import fastify, { type FastifyInstance } from 'fastify'
import type { ServiceContext } from './run-service.ts'

/** The reasons why a service is not ready, each a sentence; empty when it is ready. */
export type Readiness = () => readonly string[] | Promise<readonly string[]>

/** What a person should know although the service is ready, each a sentence. */
export type Warnings = () => readonly string[]

/**
 * Adds /healthz (200 while the process answers), /readyz (200, or 503 with reasons; both with the warnings) and
 * /metrics to a server.
 */
export function addHealthRoutes(
  server: FastifyInstance,
  name: string,
  context: ServiceContext,
  readiness: Readiness,
  warnings: Warnings = () => []
): void {
  server.get('/healthz', { schema: SCHEMAS.health }, () => ({ service: name, status: 'ok' }))
  server.get('/readyz', { schema: SCHEMAS.ready }, async (_request, reply) => {
    const reasons = await reasonsOf(readiness)
    return reply
      .status(reasons.length === 0 ? 200 : 503)
      .send({ service: name, ready: reasons.length === 0, reasons, warnings: warnings() })
  })
  server.get('/metrics', { schema: SCHEMAS.metrics }, async (_request, reply) => {
    const { body, contentType } = await context.metrics.expose()
    return reply.type(contentType).send(body)
  })
}

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const answerOf = (description: string) => ({
  description,
  type: 'object',
  properties: { service: text, ready: { type: 'boolean' }, reasons: texts, warnings: texts },
  required: ['service', 'ready', 'reasons', 'warnings']
})

/** For the document of a server that has one. */
const SCHEMAS = {
  health: {
    summary: 'Whether the process answers',
    response: {
      200: {
        type: 'object',
        properties: { service: text, status: text },
        required: ['service', 'status']
      }
    }
  },
  ready: {
    summary: 'Whether the service is ready, and the reasons why not',
    response: { 200: answerOf('It is ready'), 503: answerOf('It is not ready') }
  },
  metrics: { summary: 'Metrics in the text form of Prometheus' }
} as const

async function reasonsOf(readiness: Readiness): Promise<readonly string[]> {
  try {
    return await readiness()
  } catch (error) {
    return [messageOf(error)]
  }
}

/** Serves only the health routes, by default on a free port of 127.0.0.1. */
export async function serveHealth(
  name: string,
  context: ServiceContext,
  readiness: Readiness,
  {
    host = '127.0.0.1',
    port = 0,
    warnings
  }: { readonly host?: string; readonly port?: number; readonly warnings?: Warnings } = {}
): Promise<{ url: string }> {
  const server = fastify({ logger: false, forceCloseConnections: true })
  addHealthRoutes(server, name, context, readiness, warnings)
  const url = await listen(server, host, port)
  context.defer(() => server.close())
  context.log.info({ url }, 'health is served')
  return { url }
}

/**
 * Binds a server and returns its URL.
 * @throws PORT_IN_USE
 */
export async function listen(server: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (cause) {
    throw listenFailure(cause, host, port)
  }
}

/** What to throw when a server cannot listen: PORT_IN_USE, or the cause itself if it is another. */
export function listenFailure(cause: unknown, host: string, port: number): unknown {
  if ((cause as { code?: string }).code !== 'EADDRINUSE') return cause
  return new TapedeckError(
    'PORT_IN_USE',
    `Cannot listen on ${host}:${port}: the port is in use, expected a free one`,
    { cause }
  )
}
