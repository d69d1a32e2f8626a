import { didYouMean, hasCode, TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { RequestProblem } from './query.ts'

/** The body of every error; see ERROR_SCHEMA. */
interface ErrorBody {
  readonly error: {
    readonly code: string
    readonly field?: string
    readonly message: string
    readonly problems?: readonly RequestProblem[]
  }
}

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

/** An error that sendFailure answers with this status: nothing is found, or the request is invalid. */
export function refusal(statusCode: 400 | 404, field: string, message: string): Error {
  return Object.assign(new Error(message), { statusCode, field })
}

/** 404 that lists the routes, and suggests the nearest one. */
export function sendUnknownRoute(
  request: FastifyRequest,
  reply: FastifyReply,
  routes: readonly string[],
  changes: readonly string[]
): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? ''
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const message = `method is ${request.method}, expected GET of ${routes.join(', ')}, or ${changes.join(', ')}`
    return sendProblems(reply, [{ field: 'method', message }], 404)
  }
  const hint = didYouMean(path, routes)
  const message = `path is '${path}', expected one of ${routes.join(', ')}${hint}`
  return sendProblems(reply, [{ field: 'path', message }], 404)
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
    const message = 'The database does not answer, expected MongoDB at MONGODB_URI'
    return send(reply.header('retry-after', '1'), 503, { error: { code: error.code, message } })
  }
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500
  if (status >= 400 && status < 500) {
    const field = 'field' in error && typeof error.field === 'string' ? error.field : 'request'
    return sendProblems(reply, [{ field, message: error.message }], status)
  }
  const code = error instanceof TapedeckError ? error.code : 'INTERNAL_ERROR'
  log.error({ err: error, code, requestId: request.id, url: request.url }, 'request failed')
  const message = `The api failed on this request; its log says why under request ${request.id}`
  return send(reply, status === 503 ? 503 : 500, { error: { code: 'INTERNAL_ERROR', message } })
}

function send(reply: FastifyReply, status: number, body: ErrorBody): FastifyReply {
  return reply.status(status).header('cache-control', 'no-store').send(body)
}
