import { hasCode, TapedeckError } from '@tapedeck/core'
import {
  connectDatabase,
  ensureCollections,
  type Database,
  type MongoConfig
} from '@tapedeck/mongo'

/**
 * The database of the settings for a module; the collections that do not exist are created.
 * @throws CONFIG_INVALID; SERVER_MISSING when it cannot be reached
 */
export async function openLakeDatabase(config: MongoConfig): Promise<Database> {
  const database = await connectDatabase(config, { appName: 'tapedeck-batch' }).catch(
    (cause: unknown) => {
      if (!hasCode(cause, 'DATABASE_UNREACHABLE')) throw cause
      throw new TapedeckError('SERVER_MISSING', `${cause.message}: is npm start running?`, {
        cause
      })
    }
  )
  try {
    await ensureCollections(database)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}
