import { messageOf, TapedeckError } from '@tapedeck/core'
import { MongoBulkWriteError, MongoError, MongoServerError } from 'mongodb'

/**
 * Runs work against the server; the driver's errors come out coded: DATABASE_UNREACHABLE (try
 * again) or STATE_CORRUPT (the server refused the operation itself).
 */
export async function translated<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof MongoError) && !isSocketError(cause)) throw cause
    const code =
      cause instanceof MongoError && isRefusal(cause) ? 'STATE_CORRUPT' : 'DATABASE_UNREACHABLE'
    throw new TapedeckError(code, `${what}: ${messageOf(cause)}`, { cause })
  }
}

/** A write to a socket that the server has just closed comes through the driver as Node's own error. */
const SOCKET_CODES = ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']

function isSocketError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && SOCKET_CODES.includes(code)
}

/** Codes of a server that answers but cannot serve now: shutting down, no primary, no disk. */
const PASSING: readonly number[] = [
  6, 7, 89, 91, 189, 262, 9001, 10_107, 11_600, 11_602, 13_435, 13_436, 14_031, 50
]

function isRefusal(error: MongoError): boolean {
  if (!(error instanceof MongoServerError)) return false
  if (error instanceof MongoBulkWriteError && isUnanswered(error)) return false
  if (error.hasErrorLabel('RetryableWriteError')) return false
  return typeof error.code !== 'number' || !PASSING.includes(error.code)
}

/** The driver wraps a lost connection into the error of a bulk write, which then names no write. */
function isUnanswered({ code, writeErrors }: MongoBulkWriteError): boolean {
  return typeof code !== 'number' && [writeErrors].flat().length === 0
}
