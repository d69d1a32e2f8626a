import {
  about,
  duration,
  durations,
  locateServer,
  optional,
  readEnv,
  secret,
  text,
  whole,
  type Env,
  type Variable
} from '@tapedeck/core'
import {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  publicationName,
  ZONES,
  type LakeLocation
} from '@tapedeck/lake'
import { MARIADB_VARIABLES } from '@tapedeck/mariadb'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import { SERVICE_VARIABLES } from '@tapedeck/service'

/** The folder of etl_sequences and modules.json that comes with the project. */
const BATCH_DIR = 'services/batch'

const DAY_MS = 86_400_000

/** The jobs of a date read what those of the date before have made, and a weekend may lie between: a week is the least. */
function lakeTtl(): Variable<ReadonlyMap<string, number>> {
  const expected =
    'zone=duration or zone/name=duration[,…] such as raw=90d,raw/quotes=7d, each at least 7d'
  return durations(isZoneOrPublication, expected, 7 * DAY_MS)
}

function isZoneOrPublication(name: string): boolean {
  if (ZONES.some((zone) => zone === name)) return true
  try {
    const { zone, name: table } = publicationName(name)
    return name === `${zone}/${table}`
  } catch {
    return false
  }
}

/** Names with commas between. */
function names(): Variable<readonly string[]> {
  const of = text(undefined, 'names with commas between, such as quotes')
  return {
    ...of,
    fallback: undefined,
    parse: (found) => {
      const all = found.split(',').map((name) => name.trim())
      return all.every((name) => /^[\w-]+$/.test(name)) ? all : undefined
    }
  }
}

export const BATCH_VARIABLES = {
  ...MONGO_VARIABLES,
  // For its modules.
  ...MARIADB_VARIABLES,
  ...LAKE_LOCATION_VARIABLES,
  FINNHUB_TOKEN: optional(secret()),
  TAPEDECK_DATA_DIR: about(
    'Folder of everything a stack writes; two stacks need two',
    text('./.data', 'a folder')
  ),
  BATCH_DIR: about(
    'Folder of etl_sequences, modules.json and schedules.json',
    text(BATCH_DIR, 'a folder')
  ),
  BATCH_SCHEDULES: about(
    'Optional schedules of schedules.json that run too, such as `quotes`',
    optional(names())
  ),
  BATCH_CONCURRENCY: about('Tasks that a batch worker runs at a time', whole(2, 1, 100)),
  BATCH_LEASE: about(
    'A batch worker that is not heard of for this long loses its tasks to others',
    duration(30_000, 1000)
  ),
  BATCH_POLL: about('How often a batch worker looks for tasks', duration(1000, 50)),
  BATCH_PORT: about(
    'Port of the health of a batch worker or beat; 0 picks a free one',
    whole(0, 0, 65_535)
  ),
  HEALTH_HOST: SERVICE_VARIABLES.HEALTH_HOST,
  BATCH_TICK: about('How often the beat looks for what is due or lost', duration(1000, 50)),
  RUNS_TTL: about(
    'How long runs and their tasks are kept after their end; the job retention removes them',
    duration(90 * DAY_MS, 60_000)
  ),
  LAKE_TTL: about(
    'The same for dates of the lake, by zone or table, such as `raw=90d,raw/quotes=7d`',
    optional(lakeTtl()),
    'kept permanently'
  )
} as const

/** Where the database is. */
export interface DatabaseConfig {
  readonly mongo: MongoConfig
  /** Where its address was found, for messages. */
  readonly mongoFrom: string
}

/** What every command of the batch side needs. */
export interface BatchConfig extends DatabaseConfig {
  readonly dataDir: string
  readonly batchDir: string
  /** Optional schedules that run. */
  readonly schedules: readonly string[]
  readonly concurrency: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly tickMs: number
  /** How long runs are kept after their end, ms. */
  readonly runsTtlMs: number
  readonly lake: LakeLocation
  /** How long dates of the lake are kept, ms, by zone or `zone/name`. */
  readonly lakeTtlMs: ReadonlyMap<string, number>
  readonly healthHost: string
  readonly healthPort: number
  /** The environment of modules, with the address of the database. */
  readonly env: Env
}

/** @throws CONFIG_INVALID with every mistake; SERVER_MISSING when no database is found */
export function readConfig(env: Env): BatchConfig {
  const located = locateServer('mongod', env)
  const values = readEnv(located.env, BATCH_VARIABLES, lakeProblems)
  return {
    mongo: mongoConfig(values),
    mongoFrom: located.from,
    dataDir: values.TAPEDECK_DATA_DIR,
    batchDir: values.BATCH_DIR,
    schedules: values.BATCH_SCHEDULES ?? [],
    concurrency: values.BATCH_CONCURRENCY,
    leaseMs: values.BATCH_LEASE,
    pollMs: values.BATCH_POLL,
    tickMs: values.BATCH_TICK,
    runsTtlMs: values.RUNS_TTL,
    lake: lakeLocation(values),
    lakeTtlMs: values.LAKE_TTL ?? new Map(),
    healthHost: values.HEALTH_HOST,
    healthPort: values.BATCH_PORT,
    env: located.env
  }
}

/** Names of the optional schedules that run. @throws CONFIG_INVALID */
export function readAskedSchedules(env: Env): readonly string[] {
  const { BATCH_SCHEDULES } = BATCH_VARIABLES
  return readEnv(env, { BATCH_SCHEDULES }).BATCH_SCHEDULES ?? []
}

/** For commands that read only the files of jobs. @throws CONFIG_INVALID */
export function readBatchDir(env: Env): string {
  return readEnv(env, { BATCH_DIR: BATCH_VARIABLES.BATCH_DIR }).BATCH_DIR
}
