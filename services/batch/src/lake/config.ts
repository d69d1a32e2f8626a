import {
  about,
  choice,
  duration,
  locateServer,
  optional,
  readEnv,
  text,
  whole,
  type Env,
  type Variable
} from '@tapedeck/core'
import {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  type LakeLocation
} from '@tapedeck/lake'
import { MONGO_VARIABLES, mongoConfig } from '@tapedeck/mongo'
import type { DatabaseConfig } from '../config.ts'

/** An amount of memory as DuckDB reads it. */
function memory(fallback: string): Variable<string> {
  const of = text(fallback, 'an amount of memory such as 512MB or 2GB')
  return { ...of, parse: (found) => (/^[1-9]\d{0,5}(MB|GB)$/.test(found) ? found : undefined) }
}

/** The environment variables of the lake. */
export const LAKE_VARIABLES = {
  ...LAKE_LOCATION_VARIABLES,
  LAKE_MEMORY: about('Most memory of a query on the lake; the rest goes to disk', memory('1GB')),
  LAKE_THREADS: about('Threads of a query on the lake', whole(2, 1, 256)),
  BATCH_ENGINE: about(
    'What computes the tables of the lake; spark runs the same SQL on a cluster',
    choice('duckdb', ['duckdb', 'spark'])
  ),
  SPARK_MASTER: about(
    'Cluster of BATCH_ENGINE=spark, such as spark://host:7077 or yarn',
    optional(text(undefined, 'the address of a master')),
    'that of spark-defaults.conf'
  ),
  SPARK_HOME: about(
    'Folder of a Spark 4, whose bin has spark-sql',
    optional(text(undefined, 'a folder')),
    'the spark-sql on PATH'
  ),
  SPARK_LIMIT: about(
    'Longest run of spark-sql, which waits without an end for a cluster without free workers',
    duration(45 * 60_000, 1000)
  )
} as const

/** What a run tells its modules. */
export const RUN_VARIABLES = {
  BATCH_DATE: about('Trading date that a module works on; a run sets it', optional(tradeDate())),
  BATCH_RUN: about('Run that a module belongs to; a run sets it', text('by-hand')),
  BATCH_ATTEMPT: about(
    'Which attempt of its task a module is; a run sets it',
    whole(1, 1, 1_000_000)
  )
} as const

function tradeDate(): Variable<string> {
  const of = text(undefined, 'a trading date such as 2026-03-10')
  return { ...of, parse: (found) => (isDate(found) ? found : undefined) }
}

/** Whether a text is a day that the calendar has, YYYY-MM-DD. */
export function isDate(found: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(found)) return false
  const ms = Date.parse(`${found}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(found)
}

/** Where the lake is and how queries on it are limited. */
export interface LakeConfig extends LakeLocation {
  readonly memory: string
  readonly threads: number
  /** Undefined: DuckDB computes the tables. */
  readonly spark?: SparkConfig
}

/** How Spark is found. */
export interface SparkConfig {
  /** The folder of its installation; undefined: its programs are on PATH. */
  readonly home: string | undefined
  /** The address of a master; undefined for that of Spark's own configuration. */
  readonly master: string | undefined
  /** How long a session may take. */
  readonly limitMs: number
}

/** What a module of the lake knows of its run. */
export interface ModuleConfig {
  readonly lake: LakeConfig
  readonly run: string
  readonly attempt: number
  /** The trading date of the run, YYYY-MM-DD. */
  readonly date: string
}

/** Where the lake is. @throws CONFIG_INVALID with every mistake */
function readLakeConfig(env: Env): LakeConfig {
  const TAPEDECK_DATA_DIR = text('./.data', 'a folder')
  const values = readEnv(env, { ...LAKE_VARIABLES, TAPEDECK_DATA_DIR }, lakeProblems)
  return {
    ...lakeLocation(values),
    memory: values.LAKE_MEMORY,
    threads: values.LAKE_THREADS,
    ...(values.BATCH_ENGINE === 'spark' && {
      spark: {
        home: values.SPARK_HOME,
        master: values.SPARK_MASTER,
        limitMs: values.SPARK_LIMIT
      }
    })
  }
}

/**
 * @param given a date of the command line, which wins over BATCH_DATE
 * @throws CONFIG_INVALID with every mistake
 */
export function readModuleConfig(env: Env, given?: string): ModuleConfig {
  const values = readEnv(env, RUN_VARIABLES, ({ BATCH_DATE }) =>
    BATCH_DATE === undefined && given === undefined
      ? ['BATCH_DATE is not set, expected it or --date with a trading date such as 2026-03-10']
      : []
  )
  return {
    lake: readLakeConfig(env),
    run: values.BATCH_RUN,
    attempt: values.BATCH_ATTEMPT,
    date: given ?? values.BATCH_DATE ?? ''
  }
}

/** The database of the settings, or that of the running npm start. @throws CONFIG_INVALID, SERVER_MISSING */
export function readDatabaseConfig(env: Env): DatabaseConfig {
  const located = locateServer('mongod', env)
  return { mongo: mongoConfig(readEnv(located.env, MONGO_VARIABLES)), mongoFrom: located.from }
}
