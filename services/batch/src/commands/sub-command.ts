import { hasCode, TapedeckError, type Env } from '@tapedeck/core'
import { ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import type { BatchConfig } from '../config.ts'

/** One of the commands of `npm run batch`. */
export interface SubCommand {
  /** One line for the help. */
  readonly about: string
  /** Reads the arguments after its name, and sets the exit code of the process. */
  run(env: Env): Promise<void>
}

/** The settings of a command that uses the database, for its help. */
export const DATABASE_SETTINGS = {
  MONGODB_URI: 'your own server; without it that of the running npm start',
  TAPEDECK_DATA_DIR: 'the data folder of that npm start',
  BATCH_DIR: 'folder of etl_sequences, modules.json and schedules.json'
} as const

/**
 * Opens the database for `work`, and closes it afterwards.
 * @throws SERVER_MISSING when it cannot be reached; the message says where the address came from
 */
export async function withDatabase<T>(
  { mongo, mongoFrom }: BatchConfig,
  work: (database: Database) => Promise<T>
): Promise<T> {
  const database = await openDatabase(mongo, { appName: 'tapedeck-batch' }).catch(
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
