import { TapedeckError, type Env } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { lockDataDir, type DataLock } from './data-lock.ts'
import { createOrphanGuard, type OrphanGuard } from './orphan-guard.ts'
import { openPortMemory, type PortMemory } from './ports.ts'
import type { Progress } from './progress.ts'
import type { RunningServer } from './running-server.ts'
import type { Search } from './search.ts'
import type { ServerSite } from './server-site.ts'
import { bringUpKafka, bringUpMongod, type StartedServer } from './start-servers.ts'
import { supervise, type Supervised } from './supervise.ts'

export interface ServerOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The broker's largest heap, MiB. */
  readonly heapMebibytes?: number
  /** True (default): a new data folder asks for 29092 and 27117 before any other port. */
  readonly preferredPorts?: boolean
  /** In place of the one that fits the machine. */
  readonly guard?: OrphanGuard
}

/** Kafka and MongoDB, running and kept running. */
export interface Servers {
  readonly kafka: Supervised<RunningServer>
  readonly mongod: Supervised<RunningServer>
  readonly ports: PortMemory
  readonly lock: Pick<DataLock, 'track'>
  /** Ends what was started here, broker and database at the same time, and frees the data folder. */
  close(limitMs: number): Promise<void>
}

const UNWIND_LIMIT_MS = 3000

/**
 * Starts a broker and a database side by side, or takes the user's own. When one of them dies it is
 * started again on the same port and folder.
 *
 * @throws DATA_DIR_IN_USE, SERVER_MISSING (with what to do), SERVER_FAILED, ABORTED; nothing is left
 *   running then
 */
export async function startServers(
  config: StackConfig,
  { progress, signal, heapMebibytes = 384, preferredPorts = true, guard: given }: ServerOptions
): Promise<Servers> {
  const lock = await lockDataDir(config.dataDir)
  const guard = given ?? (await createOrphanGuard(config.env, process.platform))
  const ports = await openPortMemory(config.dataDir)
  const failed = new AbortController()
  const site: ServerSite = {
    dataDir: config.dataDir,
    cacheDir: config.cacheDir,
    lock,
    ports,
    guard,
    env: config.env,
    signal: AbortSignal.any([signal, failed.signal]),
    heapMebibytes,
    cacheGigabytes: 0.25,
    preferredPorts
  }
  const search = searchOf(config, progress)
  const starts = [bringUpKafka(config, search, site), bringUpMongod(config, search, site)] as const
  for (const start of starts) start.catch(() => failed.abort())
  const [kafka, mongod] = await Promise.allSettled(starts)
  if (kafka.status === 'rejected' || mongod.status === 'rejected') {
    for (const start of [kafka, mongod]) {
      if (start.status === 'fulfilled') await start.value.server.stop(UNWIND_LIMIT_MS)
    }
    guard.close()
    await lock.release()
    throw firstCause([kafka, mongod])
  }
  const keep = (name: string, { server, again }: StartedServer): Supervised<RunningServer> =>
    supervise(name, server, { again, progress })
  const running = { kafka: keep('Kafka', kafka.value), mongod: keep('MongoDB', mongod.value) }
  return {
    ...running,
    ports,
    lock,
    async close(limitMs) {
      await Promise.all([running.kafka.stop(limitMs), running.mongod.stop(limitMs)])
      guard.close()
      await lock.release()
    }
  }
}

/** How a stack of that configuration looks for its servers. */
export function searchOf(config: StackConfig, progress: Progress, mayFetch = true): Search {
  const env: Env = config.env
  return {
    env,
    cacheDir: config.cacheDir,
    platform: process.platform,
    arch: process.arch,
    usualFolders: ['/usr/bin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'],
    mayFetch,
    progress
  }
}

/** What failed by itself comes before what was stopped because of it; two failures are both told. */
function firstCause(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : []
  )
  const own = errors.filter(
    (error) => !(error instanceof TapedeckError && error.code === 'ABORTED')
  )
  return own[0] ?? errors[0]
}
