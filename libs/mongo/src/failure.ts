import { AsyncLocalStorage } from 'node:async_hooks'
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

const abortion = new AsyncLocalStorage<AbortSignal>()

/** Runs a read whose large queries end, on the server too, when the signal is aborted. */
export function abortable<T>(signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
  return signal === undefined ? read() : abortion.run(signal, read)
}

/** The options of a query that is read under a time limit and within `abortable`. */
export function limits(timeoutMs: number): { timeoutMS: number; signal?: AbortSignal } {
  const signal = abortion.getStore()
  return { timeoutMS: timeoutMs, ...(signal !== undefined && { signal }) }
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
    if (abortion.getStore()?.aborted === true) {
      throw new TapedeckError('ABORTED', `Reading ${what} was given up`, { cause })
    }
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

/** The driver's and the server's own word that the same operation may succeed later. */
const RETRYABLE_LABELS = ['RetryableWriteError', 'RetryableError', 'TransientTransactionError']

/** Codes of a server that answers but cannot serve now; the names are those of MongoDB's error_codes.yml. */
const TRANSIENT = new Map<number | string | undefined, string>([
  [6, 'HostUnreachable'],
  [7, 'HostNotFound'],
  [43, 'CursorNotFound'], // the new primary does not know the cursors of the old one
  [50, 'MaxTimeMSExpired'],
  [63, 'StaleShardVersion'],
  [64, 'WriteConcernTimeout'], // most members are away or lag; the write may be rolled back
  [89, 'NetworkTimeout'],
  [91, 'ShutdownInProgress'],
  [112, 'WriteConflict'],
  [133, 'FailedToSatisfyReadPreference'],
  [134, 'ReadConcernMajorityNotAvailableYet'],
  [150, 'StaleEpoch'],
  [175, 'QueryPlanKilled'],
  [189, 'PrimarySteppedDown'],
  [211, 'KeyNotFound'], // a replica set that has just elected its first primary signs no times yet
  [237, 'CursorKilled'],
  [262, 'ExceededTimeLimit'],
  [9001, 'SocketException'],
  [10_107, 'NotWritablePrimary'],
  [11_600, 'InterruptedAtShutdown'],
  [11_601, 'Interrupted'],
  [11_602, 'InterruptedDueToReplStateChange'],
  [13_388, 'StaleConfig'],
  [13_435, 'NotPrimaryNoSecondaryOk'],
  [13_436, 'NotPrimaryOrSecondary'],
  [14_031, 'OutOfDiskSpace']
])

function isRefusal(error: MongoError): boolean {
  if (!(error instanceof MongoServerError)) return false
  if (error instanceof MongoBulkWriteError && isUnanswered(error)) return false
  if (RETRYABLE_LABELS.some((label) => error.hasErrorLabel(label))) return false
  return !TRANSIENT.has(error.code)
}

/** The driver reports a lost connection as an error of the bulk write that names no write. */
function isUnanswered({ code, writeErrors }: MongoBulkWriteError): boolean {
  return typeof code !== 'number' && [writeErrors].flat().length === 0
}
