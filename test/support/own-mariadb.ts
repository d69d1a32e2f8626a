import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readConfig, silentProgress, startServers, type Servers } from '@tapedeck/stack/testing'
import type { Scope } from './scope.ts'
import { servers } from './servers.ts'

export interface OwnMariadb {
  /** With user and password. */
  readonly url: string
  readonly server: NonNullable<Servers['mariadb']>['nodes'][number]
  readonly dataDir: string
}

/** A relational database for this test alone, fetched when the cache lacks it: a missing one is a failure. */
export async function ownMariadb(scope: Pick<Scope, 'after'>, given?: string): Promise<OwnMariadb> {
  const dataDir = given ?? (await mkdtemp(path.join(tmpdir(), 'tapedeck-mariadb-')))
  const started = await startServers(mariadbConfig(dataDir), {
    progress: silentProgress,
    signal: new AbortController().signal,
    preferredPorts: false
  })
  scope.after(async () => {
    await started.close(10_000)
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  const [server] = started.mariadb?.nodes ?? []
  assert.ok(server !== undefined && started.mariadbUrl !== undefined)
  return { url: started.mariadbUrl.reveal(), server, dataDir }
}

/** The settings of a stack that uses the broker and the MongoDB of the run, and starts a MariaDB. */
export function mariadbConfig(dataDir: string): ReturnType<typeof readConfig> {
  const { brokers, mongoUri } = servers()
  return readConfig({
    ...process.env,
    KAFKA_BROKERS: brokers.join(','),
    MONGODB_URI: mongoUri,
    MARIADB_URL: '',
    STACK_MARIADB: 'embedded',
    TAPEDECK_DATA_DIR: dataDir
  })
}
