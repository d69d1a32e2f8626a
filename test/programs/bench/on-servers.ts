import { stopSignal } from '@tapedeck/core'
import { createProgress } from '@tapedeck/stack/testing'
import { freePort } from '../../support/free-port.ts'
import { OwnScope } from '../../support/scope.ts'
import { startTestServers, type TestServers } from '../../support/servers.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import { until } from '../../support/until.ts'

const START_LIMIT_MS = 30_000

/** What a benchmark works with. */
interface Site extends Pick<TestServers, 'brokers' | 'mongoUri'> {
  /** The server processes; none for servers of your own. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[]
  /** Ends before the servers do. */
  readonly scope: OwnScope
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Runs work on a broker and a database that are started for it, and says on stderr how far they are. */
export async function onServers<T>(work: (site: Site) => Promise<T>): Promise<T> {
  const signal = stopSignal()
  const progress = createProgress((text) => process.stderr.write(text))
  const running = await startTestServers({ progress, signal })
  const scope = new OwnScope()
  try {
    return await work({ ...running, scope, signal })
  } finally {
    await scope.end()
    await running.close()
  }
}

/** Starts an api without a stream in an environment and waits until it is ready. */
export async function readyApi(
  scope: OwnScope,
  env: Readonly<Record<string, string>>,
  profileDir?: string
): Promise<{ readonly api: RunningService; readonly port: number }> {
  const port = await freePort()
  const api = await startService(
    'api',
    { ...env, KAFKA_BROKERS: '', API_PORT: String(port) },
    profileDir
  )
  scope.after(() => api.stop())
  await until('the api is ready', async () => (await api.readiness()).ready, START_LIMIT_MS)
  return { api, port }
}
