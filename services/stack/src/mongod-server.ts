import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { openDatabase } from '@tapedeck/mongo'
import { startChild } from './child.ts'
import type { Mongod } from './find-mongod.ts'
import { openLog } from './log-file.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerSite } from './server-site.ts'
import { untilReady } from './until-ready.ts'

const START_LIMIT_MS = 60_000
const HELLO_LIMIT_MS = 3000

/**
 * Starts a mongod in the data folder and waits until it answers.
 *
 * @throws SERVER_FAILED with the log's last words; ABORTED
 */
export async function startMongod(
  program: Mongod,
  port: number,
  site: ServerSite
): Promise<RunningServer> {
  const { dataDir, guard, lock, signal } = site
  const folder = path.join(dataDir, 'mongodb')
  await mkdir(folder, { recursive: true })
  const log = await openLog(dataDir, 'mongod')
  const child = await startChild(
    program.path,
    // prettier-ignore
    ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket',
     '--wiredTigerCacheSizeGB', String(site.cacheGigabytes), '--quiet',
     // Half the disk of snappy for the same CPU; the usual 6 takes 3 us more for a trade.
     '--zstdDefaultCompressionLevel', '1',
     // Without zlib: CVE-2025-14847 reads the server's memory through it.
     '--networkMessageCompressors', 'snappy,zstd',
     '--setParameter', 'diagnosticDataCollectionEnabled=false'],
    {
      guard,
      // MongoDB 8 and kernels from 6.19 on disagree about rseq; harmless elsewhere.
      env: { ...site.env, GLIBC_TUNABLES: 'glibc.pthread.rseq=1' },
      cwd: folder,
      stdio: ['ignore', log.handle.fd, log.handle.fd]
    }
  ).finally(() => log.handle.close())
  await lock.track(child)
  const address = `mongodb://127.0.0.1:${port}`
  await untilReady(child, {
    name: 'mongod',
    log,
    line: 'Waiting for connections',
    answers: () => hello(address),
    limitMs: START_LIMIT_MS,
    signal
  })
  return {
    pid: child.pid,
    address,
    description: `MongoDB ${program.version}`,
    exited: child.exited,
    stop: child.stop
  }
}

async function hello(uri: string): Promise<void> {
  const database = await openDatabase(
    { uri, database: 'admin', username: undefined, password: undefined, tradesTtlMs: undefined },
    { appName: 'tapedeck-stack', timeoutMs: HELLO_LIMIT_MS, maxPoolSize: 1 }
  )
  await database.close()
}
