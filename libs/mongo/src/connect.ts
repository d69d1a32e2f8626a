import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
import { MongoError, MongoServerError } from 'mongodb'
import { ensureCollections, openDatabase, type Database, type MongoConfig } from './database.ts'
import { translated } from './failure.ts'

/** Codes with which a server refuses who asks: its own, and Atlas's. */
const CREDENTIALS_REFUSED: readonly unknown[] = [18, 8000]

/**
 * Opens the database as `openDatabase` does, and tells a server that is away from a mistake that no
 * waiting mends.
 * @throws CONFIG_INVALID when the address is wrong or the credentials are refused; DATABASE_UNREACHABLE
 */
export async function connectDatabase(
  config: MongoConfig,
  options: Parameters<typeof openDatabase>[1] = {}
): Promise<Database> {
  try {
    return await openDatabase(config, options)
  } catch (error) {
    const problem = mistakeIn(error)
    if (problem === undefined) throw error
    throw new TapedeckError('CONFIG_INVALID', `Cannot use MongoDB: ${problem}`, { cause: error })
  }
}

/** The same with its collections and indexes there. */
export async function connectPreparedDatabase(
  config: MongoConfig,
  options: Parameters<typeof openDatabase>[1] = {}
): Promise<Database> {
  const database = await connectDatabase(config, options)
  try {
    await translated('Cannot create the collections', () => ensureCollections(database, config))
    return database
  } catch (error) {
    await database.close().catch(() => undefined)
    throw error
  }
}

function mistakeIn(error: unknown): string | undefined {
  // The client reads the address before it asks anybody.
  if (error instanceof MongoError) return `${error.message}, expected another MONGODB_URI`
  if (!hasCode(error, 'DATABASE_UNREACHABLE')) return undefined
  const { cause } = error
  const isRefused = cause instanceof MongoServerError && CREDENTIALS_REFUSED.includes(cause.code)
  return isRefused
    ? `${messageOf(cause)}, expected other credentials in MONGODB_URI, or MONGODB_USERNAME and MONGODB_PASSWORD`
    : undefined
}
