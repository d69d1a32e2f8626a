import { ensureCollections, openDatabase, type Database, type MongoConfig } from '@tapedeck/mongo'
import type { Scope } from './scope.ts'
import { servers } from './servers.ts'

/** The settings for a database of a server that asks for no password; trades are kept. */
export function databaseConfig(uri: string, database: string): MongoConfig {
  return { uri, database, username: undefined, password: undefined, tradesTtlMs: undefined }
}

/** A database of the scope's own with collections and indexes; it is dropped afterwards. */
export async function ownDatabase(
  scope: Pick<Scope, 'after'>,
  { mongoUri, database: name }: { mongoUri: string; database: string } = servers()
): Promise<{ database: Database; config: MongoConfig }> {
  const config = databaseConfig(mongoUri, name)
  const database = await openDatabase(config)
  scope.after(async () => {
    await database.db.dropDatabase()
    await database.close()
  })
  await ensureCollections(database)
  return { database, config }
}
