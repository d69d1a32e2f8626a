import { hasCode, messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import { MongoBulkWriteError, MongoError, MongoServerError } from 'mongodb'

/**
 * Runs work against the server and gives the driver's errors a code.
 * @throws DATABASE_UNREACHABLE when the work may be tried again, STATE_CORRUPT when the server refused the
 * operation itself
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

/**
 * Runs a read under one time limit, however many operations it consists of, and codes errors as `translated`
 * does. Each operation needs its own limit too, so that none continues after this one.
 * @throws DATABASE_UNREACHABLE when the server is away or does not answer in time, STATE_CORRUPT when it
 * refuses the read itself
 */
export async function reading<T>(
  what: string,
  timeoutMs: number,
  read: () => Promise<T>
): Promise<T> {
  try {
    return await withTimeout(translated(`Cannot read ${what}`, read), timeoutMs, 'The read')
  } catch (cause) {
    if (!hasCode(cause, 'TIMED_OUT')) throw cause
    throw new TapedeckError(
      'DATABASE_UNREACHABLE',
      `Cannot read ${what}: ${messageOf(cause)}, expected a server at MONGODB_URI`,
      { cause }
    )
  }
}

/** The driver throws Node's own error when it writes to a socket that the server has just closed. */
const SOCKET_CODES = ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']

function isSocketError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && SOCKET_CODES.includes(code)
}

/** Codes of a server that answers but cannot serve now: shutting down, no primary, no disk. */
const TRANSIENT: readonly number[] = [
  6, 7, 89, 91, 189, 262, 9001, 10_107, 11_600, 11_602, 13_435, 13_436, 14_031, 50
]

function isRefusal(error: MongoError): boolean {
  if (!(error instanceof MongoServerError)) return false
  if (error instanceof MongoBulkWriteError && isUnanswered(error)) return false
  if (error.hasErrorLabel('RetryableWriteError')) return false
  return typeof error.code !== 'number' || !TRANSIENT.includes(error.code)
}

/** The driver reports a lost connection as an error of the bulk write that names no write. */
function isUnanswered({ code, writeErrors }: MongoBulkWriteError): boolean {
  return typeof code !== 'number' && [writeErrors].flat().length === 0
}
