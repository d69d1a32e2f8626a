import path from 'node:path'
import { mkdir, writeFile } from 'node:fs/promises'
import { lockDataDir, openGuard, TapedeckError, type Child, type Env } from '@tapedeck/core'
import type { Scope } from '../../support/scope.ts'
import { until } from '../../support/until.ts'
import { cpuOfGroups } from './cpu-seconds.ts'
import type { SparkInstallation } from './install-spark.ts'

/** A running standalone cluster on loopback. */
export interface Cluster {
  /** `spark://127.0.0.1:PORT`. */
  readonly master: string
  /** What a program needs that computes on it. */
  readonly env: Env
  /** CPU seconds of master, workers and executors so far. */
  cpuSeconds(): Promise<number>
}

const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 10_000
const MASTER = 'org.apache.spark.deploy.master.Master'
const WORKER = 'org.apache.spark.deploy.worker.Worker'
/** Settings of the drivers, which are Spark's own and no part of what the project sets. */
const DEFAULTS = `spark.ui.enabled false
spark.driver.bindAddress 127.0.0.1
spark.driver.memory 1g
spark.executor.memory 1g
spark.sql.shuffle.partitions 4
`

/**
 * Starts a master and workers of one core and 1 GB each. No process of them outlives this one, whatever ends it.
 * @throws TIMED_OUT with what they printed
 */
export async function startCluster(
  scope: Scope,
  { home, javaHome }: SparkInstallation,
  { folder, workers }: { readonly folder: string; readonly workers: number }
): Promise<Cluster> {
  const confDir = path.join(folder, 'conf')
  await mkdir(confDir, { recursive: true })
  await writeFile(path.join(confDir, 'spark-defaults.conf'), DEFAULTS)
  const env = {
    PATH: process.env['PATH'] ?? '',
    SPARK_HOME: home,
    JAVA_HOME: javaHome,
    SPARK_CONF_DIR: confDir,
    SPARK_LOCAL_IP: '127.0.0.1',
    SPARK_LOCAL_DIRS: path.join(folder, 'local'),
    SPARK_DAEMON_MEMORY: '256m'
  }
  const lock = await lockDataDir(path.join(folder, 'guard'))
  const guard = openGuard(lock, env)
  scope.after(async () => {
    await guard.close()
    await lock.release()
  })
  const groups: number[] = []
  const start = async (args: readonly string[], expected: RegExp): Promise<string> => {
    let printed = ''
    const child: Child = await guard.start(path.join(home, 'bin/spark-class'), args, {
      env,
      cwd: folder,
      log: (piece) => {
        printed = (printed + piece.toString('utf8')).slice(-20_000)
      }
    })
    scope.after(() => child.stop(STOP_LIMIT_MS))
    groups.push(child.pid)
    const [what = ''] = args
    const isThere = (): boolean => {
      if (!child.isRunning()) {
        throw new TapedeckError('SERVER_FAILED', `${what} ended: ${printed.slice(-2000)}`)
      }
      return expected.test(printed)
    }
    await until(`${what} of Spark says ${expected.source}`, isThere, START_LIMIT_MS)
    return expected.exec(printed)?.[1] ?? ''
  }
  const ports = ['--host', '127.0.0.1', '--port', '0', '--webui-port', '0']
  const master = await start([MASTER, ...ports], /Starting Spark master at (spark:\/\/[\d.:]+)/)
  const size = ['--cores', '1', '--memory', '1g', '--work-dir', path.join(folder, 'work')]
  for (let worker = 0; worker < workers; worker++) {
    await start([WORKER, ...ports, ...size, master], /Successfully registered with (master)/)
  }
  return { master, env, cpuSeconds: () => cpuOfGroups(groups) }
}
