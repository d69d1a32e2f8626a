import { hasCode, TapedeckError } from '@tapedeck/core'
import { ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import type { CommandConfig } from './command-config.ts'

/**
 * Does the work of a command with its database.
 * @throws SERVER_MISSING that says where it was looked for
 */
export async function withCommandDatabase<T>(
  config: CommandConfig,
  work: (database: Database) => Promise<T>
): Promise<T> {
  const database = await openCommandDatabase(config)
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

/** @throws SERVER_MISSING */
export async function openCommandDatabase({
  consumer,
  databaseFrom
}: CommandConfig): Promise<Database> {
  try {
    const database = await openDatabase(consumer.mongo, { appName: 'tapedeck-reprocess' })
    await ensureCollections(database, consumer.mongo)
    return database
  } catch (cause) {
    if (!hasCode(cause, 'DATABASE_UNREACHABLE')) throw cause
    throw new TapedeckError(
      'SERVER_MISSING',
      `${cause.message} (from ${databaseFrom}): is npm start running?`,
      { cause }
    )
  }
}
