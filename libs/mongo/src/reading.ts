import { hasCode, messageOf, TapedeckError, withTimeout } from '@tapedeck/core'
import {
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerSelectionError,
  MongoTopologyClosedError
} from 'mongodb'

const AWAY = [
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerSelectionError,
  MongoTopologyClosedError
] as const

/** A write to a socket that the server has just closed comes through as Node's own error. */
const SOCKET_CODES = ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']

/**
 * Does a read under one limit, however many operations it is made of, and translates the driver's
 * errors at the border. Each operation has a limit of its own, so none goes on for long unattended.
 * @throws DATABASE_UNREACHABLE when the server is away or does not answer in time; everything else
 * is passed on as it is, since it is a bug of ours or a refusal to look into.
 */
export async function reading<T>(
  what: string,
  timeoutMs: number,
  read: () => Promise<T>
): Promise<T> {
  try {
    return await withTimeout(read(), timeoutMs, 'The read')
  } catch (cause) {
    if (hasCode(cause, 'DATABASE_UNREACHABLE') || !isAway(cause)) throw cause
    throw new TapedeckError(
      'DATABASE_UNREACHABLE',
      `Cannot read ${what}: ${messageOf(cause)}, expected a server at MONGODB_URI`,
      { cause }
    )
  }
}

function isAway(error: unknown): boolean {
  if (hasCode(error, 'TIMED_OUT')) return true
  if (AWAY.some((kind) => error instanceof kind)) return true
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && SOCKET_CODES.includes(code)
}
