import type { Metrics } from '@tapedeck/service'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { accessOf } from './api-token.ts'
import type { ApiConfig } from './config.ts'
import { sendProblems, sendRefusal } from './replies.ts'
import { CHANGE_SCHEMA, ERROR_SCHEMA } from './schemas.ts'
import {
  addSymbols,
  removeSymbol,
  type SymbolChange,
  type SymbolChangeDeps
} from './symbol-change.ts'

/** Enough for the symbols of the largest plan. */
const BODY_LIMIT = 256 * 1024
const ERRORS = [400, 401, 403, 404, 409, 500, 503] as const

/** POST and DELETE of symbols, with the token. */
export function addSymbolRoutes(
  app: FastifyInstance,
  store: SymbolChangeDeps['store'],
  { token, symbols: base, maxSymbols }: ApiConfig,
  metrics: Metrics
): void {
  const deps = { store, base, maxSymbols }
  const changes = metrics.counter(
    'api_symbol_changes_total',
    'Requests to add or remove symbols, by outcome',
    ['outcome']
  )
  const errors = Object.fromEntries(ERRORS.map((status) => [status, ERROR_SCHEMA]))
  const route = {
    schema: { response: { 200: CHANGE_SCHEMA, ...errors } },
    bodyLimit: BODY_LIMIT,
    // Before the body is read: a request without the token is not parsed.
    onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
      const access = accessOf(token, request.headers.authorization)
      if (access.isAllowed) return undefined
      changes.inc({ outcome: 'not allowed' })
      if (access.status === 401) reply.header('www-authenticate', 'Bearer realm="tapedeck"')
      return sendRefusal(
        reply,
        access.status,
        access.status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN',
        access.message
      )
    }
  }
  const answer = (reply: FastifyReply, change: SymbolChange): FastifyReply => {
    changes.inc({ outcome: change.problems === undefined ? 'done' : 'refused' })
    if (change.problems !== undefined) return sendProblems(reply, change.problems, change.status)
    return reply.header('cache-control', 'no-store').send(change)
  }
  app.post('/api/v1/symbols', route, async (request, reply) =>
    answer(reply, await addSymbols(request.body, deps))
  )
  app.delete<{ Params: { symbol: string } }>(
    '/api/v1/symbols/:symbol',
    route,
    async (request, reply) => answer(reply, await removeSymbol(request.params.symbol, deps))
  )
}
