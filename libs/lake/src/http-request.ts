import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '@tapedeck/core'

interface HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** With its length in the headers. */
  readonly body?: string | Readable | undefined
  /** The whole exchange takes at most this, ms. */
  readonly limitMs: number
}

/**
 * Sends a request; resolves with the answer, whose body the caller reads. A body is read no faster than it is sent: `fetch`
 * holds an upload in memory.
 * @throws what `isLostConnection` tells; what reading the body throws
 */
export function send(
  url: URL,
  { method, headers, body, limitMs }: HttpRequest
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const signal = AbortSignal.timeout(limitMs)
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
  const outgoing = ask(url, { method, headers, signal }, resolve)
  outgoing.on('error', reject)
  if (body === undefined || typeof body === 'string') outgoing.end(body)
  else pipeline(body, outgoing).catch(reject)
  return promise
}

const LOST =
  /^(E(CONN|HOST|NET|PIPE|TIMEDOUT|NOTFOUND|AI_)|ABORT_ERR|HPE_|ERR_(STREAM_PREMATURE_CLOSE|TLS|SSL))|CERT/

/** Whether a server was not reached, or the connection ended before the answer did; also for the limit of the time. */
export function isLostConnection(error: unknown): error is Error {
  return error instanceof Error && LOST.test(String((error as NodeJS.ErrnoException).code))
}

/** Why, in words. */
export function reasonOf(error: Error): string {
  // Of several addresses of a name.
  if (error instanceof AggregateError) return messageOf(error.errors[0])
  return error.name === 'AbortError' ? 'no answer in time' : error.message
}
