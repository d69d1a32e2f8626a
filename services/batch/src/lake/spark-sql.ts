import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  exitOf,
  lockDataDir,
  openGuard,
  TapedeckError,
  type ChildExit,
  type Env
} from '@tapedeck/core'
import type { SparkConfig } from './config.ts'

/** A run as the cluster and the caller know it. */
export interface SparkRun {
  /** What the cluster shows for it. */
  readonly name: string
  /** Where Spark finds its Java and its own configuration. */
  readonly env: Env
  /** Ends it; the cluster stops its work when its driver is gone. */
  readonly signal: AbortSignal
}

/** What makes the texts mean the same as in DuckDB. Everything else is left to Spark's own configuration. */
const SETTINGS = {
  'spark.sql.ansi.enabled': 'true',
  'spark.sql.ansi.doubleQuotedIdentifiers': 'true',
  'spark.sql.session.timeZone': 'UTC',
  'spark.sql.timestampType': 'TIMESTAMP_NTZ',
  'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
  // Numbers of JSON that are read as texts stay as they are written.
  'spark.sql.json.enableExactStringParsing': 'true',
  // No metastore: tables are files.
  'spark.sql.catalogImplementation': 'in-memory'
} as const

/** Of what Spark printed, the end in which an error is looked for, characters. */
const KEPT_OUTPUT = 1024 * 1024
/** A driver that is asked to end tells the cluster. */
const STOP_LIMIT_MS = 5000
/** What a shell answers for a program that is not there, or is none. */
const NO_PROGRAM: readonly unknown[] = [126, 127]

/**
 * Runs statements in one session of `spark-sql`, which ends at the first that fails. The driver ends with this process, also
 * when that is killed.
 * @param folder for the script, for the record of the driver and for what Spark puts into its working folder
 * @throws SERVER_MISSING when there is no such program; ABORTED; TIMED_OUT after the limit; SERVER_FAILED with the error that
 * Spark names
 */
export async function runSparkSql(
  { home, master, limitMs }: SparkConfig,
  folder: string,
  statements: readonly string[],
  { name, env: given, signal }: SparkRun
): Promise<void> {
  const script = path.join(folder, 'statements.sql')
  await writeFile(script, statements.map((text) => `${text};\n`).join(''))
  const program = home === undefined ? 'spark-sql' : path.join(home, 'bin', 'spark-sql')
  const args = [
    ...(master === undefined ? [] : ['--master', master]),
    '--name',
    name,
    ...Object.entries(SETTINGS).flatMap(([key, value]) => ['--conf', `${key}=${value}`]),
    '-f',
    script
  ]
  const env = { ...given, ...(home !== undefined && { SPARK_HOME: home }) }
  const limit = AbortSignal.timeout(limitMs)
  const { exit, output } = await guarded(program, args, {
    env,
    folder,
    signal: AbortSignal.any([signal, limit])
  })
  if (exit.code === 0) return
  if (signal.aborted) throw new TapedeckError('ABORTED', 'Spark was stopped as asked')
  if (limit.aborted) throw tooLong(output, { limitMs, master })
  throw failure(program, exit, output)
}

/** Runs a program under a guard of its own until it ends, or is ended by the signal. */
async function guarded(
  program: string,
  args: readonly string[],
  {
    env,
    folder,
    signal
  }: { readonly env: Env; readonly folder: string; readonly signal: AbortSignal }
): Promise<{ readonly exit: ChildExit; readonly output: string }> {
  const lock = await lockDataDir(path.join(folder, 'guard'))
  const guard = openGuard(lock, env)
  try {
    let output = ''
    const log = (piece: Buffer): void => {
      output = (output + piece.toString('utf8')).slice(-KEPT_OUTPUT)
    }
    const driver = await guard.start(program, args, { env, cwd: folder, log })
    const exit = await exitOf(driver, signal, STOP_LIMIT_MS)
    await driver.printed
    return { exit, output }
  } finally {
    await guard.close()
    await lock.release()
  }
}

/** What Spark warns of every 15 s while no worker takes its work. */
const NO_WORKER = 'has not accepted any resources'

function tooLong(
  output: string,
  { limitMs, master = 'the master of spark-defaults.conf' }: Pick<SparkConfig, 'limitMs' | 'master'>
): TapedeckError {
  const why = output.includes(NO_WORKER)
    ? `no worker of ${master} has taken its work, expected free workers with the cores and the memory that it asks for`
    : 'expected fewer trades, a larger cluster or a longer SPARK_LIMIT'
  return new TapedeckError(
    'TIMED_OUT',
    `spark-sql was ended after ${limitMs / 1000} s (SPARK_LIMIT): ${why}`
  )
}

function failure(program: string, { code, how }: ChildExit, output: string): TapedeckError {
  if (NO_PROGRAM.includes(code)) {
    const message = `Cannot run ${program}, expected a Spark 4: set SPARK_HOME to its folder`
    return new TapedeckError('SERVER_MISSING', message)
  }
  const message = `Cannot run the statements by ${program}: ${errorIn(output) ?? how}`
  return new TapedeckError('SERVER_FAILED', message)
}

/** What Spark says is wrong: an error with its class, such as [TABLE_OR_VIEW_NOT_FOUND], else the last error or line. */
function errorIn(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const named = lines.find((line) => /\[[A-Z][A-Z0-9_.]+\]/.test(line))
  const thrown = lines.findLast((line) => /^Caused by:|^Exception in|\bERROR\b/.test(line))
  return (named ?? thrown ?? lines.at(-1))?.trim()
}
