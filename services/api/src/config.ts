import {
  about,
  decimal,
  duration,
  optional,
  readEnv,
  text,
  webAddress,
  whole,
  type Env,
  type Values
} from '@tapedeck/core'
import {
  FREE_PLAN_SYMBOLS,
  RULE_VARIABLES,
  ruleProblems,
  rulesOf,
  symbolsVariable,
  type FoldOptions,
  type ForecastSpec,
  type QuoteLimits,
  type Timeframe
} from '@tapedeck/domain'
import { KAFKA_VARIABLES, kafkaConfig, RESULT_TOPIC_VARIABLES, resultTopics } from '@tapedeck/kafka'
import {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  type LakeLocation
} from '@tapedeck/lake'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import type { BudgetConfig } from './budget.ts'
import {
  ACCESS_VARIABLES,
  accessConfig,
  accessProblems,
  type AccessConfig
} from './access/settings.ts'
import { METRICS_URLS, type MetricsUrl } from './flow/targets.ts'
import {
  GRAFANA_LIVE_VARIABLES,
  grafanaLiveConfig,
  grafanaLiveProblems,
  type GrafanaLiveConfig
} from './grafana-live.ts'
import type { HubConfig } from './stream/hub.ts'

export interface ApiConfig {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** SYMBOLS, in its order: these are listed before any other. */
  readonly symbols: readonly string[]
  /** The choices of the live page; the endpoints accept every timeframe. */
  readonly timeframes: readonly Timeframe[]
  /** The forecasts that are made, so that the page can say where there are none. */
  readonly forecasts: readonly ForecastSpec[]
  readonly mongo: MongoConfig
  readonly access: AccessConfig
  /** How many symbols the feed's plan allows. */
  readonly maxSymbols: number
  /** How far quotes may be from the stream. */
  readonly quotes: QuoteLimits
  /** What is read at one time. */
  readonly budget: BudgetConfig
  /** Where the other services expose metrics. */
  readonly metricsUrls: readonly MetricsUrl[]
  /** What the stream reads; undefined without brokers. */
  readonly stream: HubConfig | undefined
  /** The lake whose reports are served. */
  readonly lake: LakeLocation
  /** Where browsers reach the api, without a slash at the end. */
  readonly browserUrl: string
  /** Where last prices are pushed. */
  readonly grafanaLive: GrafanaLiveConfig | undefined
}

/** The producer checks the limit of the plan; this one only bounds the work of a request. */
const MAX_SYMBOLS = 10_000

export const API_VARIABLES = {
  ...ACCESS_VARIABLES,
  API_PORT: about('Port of the api and the page', whole(8080, 0, 65_535)),
  API_READS: about('Reads of the database at one time', whole(4, 1, 100)),
  API_READ_ROWS: about(
    'Rows that these reads may return together; one that may return more runs alone',
    whole(20_000, 1000, 10_000_000)
  ),
  API_READ_QUEUE: about(
    'Reads that wait for their turn; beyond them the dearest are refused with 429',
    whole(100, 0, 10_000)
  ),
  API_READ_WAIT: about('How long a read waits for its turn before 429', duration(3000)),
  QUOTE_TOLERANCE: about(
    'A quote that is further from the stream differs, percent of the last trade',
    decimal(0.5, 0.001, 100)
  ),
  QUOTE_MAX_AGE: about(
    'A quote that was collected before so long is stale',
    duration(120_000, 1000)
  ),
  METRICS_URLS,
  API_URL: about(
    'Address at which browsers reach the api, for links on the dashboards',
    optional(webAddress(undefined, 'path')),
    'localhost, at API_PORT'
  ),
  ...GRAFANA_LIVE_VARIABLES,
  ...LAKE_LOCATION_VARIABLES,
  TAPEDECK_DATA_DIR: text('./.data', 'a folder'),
  SYMBOLS: symbolsVariable(MAX_SYMBOLS),
  ...RULE_VARIABLES,
  FINNHUB_MAX_SYMBOLS: whole(FREE_PLAN_SYMBOLS, 1, 10_000),
  STREAM_MEMORY: about(
    'MiB that the api keeps of the last minute, for clients of the stream that come back',
    whole(96, 1, 4096)
  ),
  ...MONGO_VARIABLES,
  ...KAFKA_VARIABLES,
  KAFKA_BROKERS: optional(KAFKA_VARIABLES.KAFKA_BROKERS),
  ...RESULT_TOPIC_VARIABLES
} as const

/**
 * The api's configuration; pure.
 * @throws CONFIG_INVALID that names every mistake at once
 */
export function readConfig(env: Env): ApiConfig {
  const values = readEnv(env, API_VARIABLES, (some) => [
    ...ruleProblems(some),
    ...accessProblems(some),
    ...lakeProblems(some),
    ...grafanaLiveProblems(env)
  ])
  const { fold, forecasts } = rulesOf(values)
  return Object.freeze({
    host: values.API_HOST,
    port: values.API_PORT,
    symbols: values.SYMBOLS,
    timeframes: fold.timeframes,
    forecasts,
    mongo: mongoConfig(values),
    access: accessConfig(values),
    maxSymbols: values.FINNHUB_MAX_SYMBOLS,
    quotes: { tolerancePercent: values.QUOTE_TOLERANCE, maxAgeMs: values.QUOTE_MAX_AGE },
    budget: {
      reads: values.API_READS,
      rows: values.API_READ_ROWS,
      waiting: values.API_READ_QUEUE,
      waitMs: values.API_READ_WAIT
    },
    metricsUrls: values.METRICS_URLS,
    stream: streamConfig(values, fold),
    lake: lakeLocation(values),
    browserUrl: values.API_URL ?? `http://localhost:${values.API_PORT}`,
    grafanaLive: grafanaLiveConfig(values)
  })
}

function streamConfig(
  values: Values<typeof API_VARIABLES>,
  { policy, futureLimitMs, redelivered }: FoldOptions
): HubConfig | undefined {
  const { KAFKA_BROKERS: brokers } = values
  if (brokers === undefined) return undefined
  return {
    kafka: kafkaConfig({ ...values, KAFKA_BROKERS: brokers }),
    ...resultTopics(values),
    rules: { policy, futureLimitMs, redelivered },
    memoryBytes: values.STREAM_MEMORY * 1024 ** 2
  }
}
