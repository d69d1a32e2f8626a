import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
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

/**
 * Does a read and translates the driver's errors at the border.
 * @throws DATABASE_UNREACHABLE when the server is away or does not answer in time; everything else
 * is passed on as it is, since it is a bug of ours or a refusal to look into.
 */
export async function reading<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (hasCode(cause, 'DATABASE_UNREACHABLE')) throw cause
    if (!AWAY.some((kind) => cause instanceof kind)) throw cause
    throw new TapedeckError(
      'DATABASE_UNREACHABLE',
      `Cannot read ${what}: ${messageOf(cause)}, expected a server at MONGODB_URI`,
      { cause }
    )
  }
}
