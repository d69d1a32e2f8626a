import { hasCode, TapedeckError } from '@tapedeck/core'
import { ensureCollections, connectDatabase, type Database } from '@tapedeck/mongo'
import type { DatabaseConfig } from './config.ts'

/** The settings of a command that uses the database, for its help. */
export const DATABASE_SETTINGS = {
  MONGODB_URI: 'your own server; without it that of the running npm start',
  TAPEDECK_DATA_DIR: 'the data folder of that npm start',
  BATCH_DIR: 'folder of etl_sequences, modules.json and schedules.json'
} as const

/**
 * Opens the database for `work`, and closes it afterwards.
 * @throws SERVER_MISSING when it cannot be reached, the message says where the address came from; CONFIG_INVALID
 */
export async function withDatabase<T>(
  { mongo, mongoFrom }: DatabaseConfig,
  work: (database: Database) => Promise<T>
): Promise<T> {
  const database = await connectDatabase(mongo, { appName: 'tapedeck-batch' }).catch(
    (cause: unknown) => {
      if (!hasCode(cause, 'DATABASE_UNREACHABLE')) throw cause
      const text = `${cause.message} (from ${mongoFrom}): is npm start running?`
      throw new TapedeckError('SERVER_MISSING', text, { cause })
    }
  )
  try {
    await ensureCollections(database)
    return await work(database)
  } finally {
    await database.close()
  }
}
