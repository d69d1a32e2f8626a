import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { TapedeckError, type Env } from '@tapedeck/core'
import type { SparkConfig } from './config.ts'

const execute = promisify(execFile)

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

/** Of what Spark printed, so much is kept to find an error in. */
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024

/**
 * Runs statements in one session of `spark-sql`, which ends at the first that fails.
 * @param folder for the script and for what Spark puts into its working folder
 * @throws SERVER_MISSING when there is no such program; ABORTED; SERVER_FAILED with the error that Spark names
 */
export async function runSparkSql(
  { home, master }: SparkConfig,
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
  const options = { cwd: folder, env, signal, maxBuffer: MOST_OUTPUT_BYTES }
  await execute(program, args, options).catch((cause: unknown) => {
    throw failure(program, cause, signal)
  })
}

function failure(program: string, cause: unknown, signal: AbortSignal): TapedeckError {
  if (signal.aborted) {
    return new TapedeckError('ABORTED', 'Spark was stopped as asked', { cause })
  }
  const { code, stderr = '' } = cause as { code?: string | number; stderr?: string }
  if (code === 'ENOENT' || code === 'EACCES') {
    const message = `Cannot run ${program}, expected a Spark 4: set SPARK_HOME to its folder`
    return new TapedeckError('SERVER_MISSING', message, { cause })
  }
  const message = `Cannot run the statements by ${program}: ${errorIn(stderr) ?? `exit code ${code}`}`
  return new TapedeckError('SERVER_FAILED', message, { cause })
}

/** What Spark says is wrong: an error with its class, such as [TABLE_OR_VIEW_NOT_FOUND], else the last error or line. */
function errorIn(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const named = lines.find((line) => /\[[A-Z][A-Z0-9_.]+\]/.test(line))
  const thrown = lines.findLast((line) => /^Caused by:|^Exception in|\bERROR\b/.test(line))
  return (named ?? thrown ?? lines.at(-1))?.trim()
}
