import { createHash } from 'node:crypto'
import {
  about,
  choice,
  duration,
  optional,
  readEnv,
  TapedeckError,
  text,
  whole,
  type Env
} from '@tapedeck/core'
import {
  CONDITION_POLICIES,
  CONDITION_TABLE_VERSION,
  DEFAULT_FORECASTS,
  forecastsVariable,
  timeframesVariable,
  type FoldOptions,
  type ForecastSpec,
  type Timeframe
} from '@tapedeck/domain'
import { KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from '@tapedeck/kafka'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import { SERVICE_VARIABLES } from '@tapedeck/service'

export const CONSUMER_VARIABLES = {
  ...KAFKA_VARIABLES,
  ...MONGO_VARIABLES,
  KAFKA_GROUP: about('Consumer group', text('tapedeck', 'a consumer group name')),
  TIMEFRAMES: timeframesVariable(),
  CONDITION_POLICY: about(
    'Which trades set prices: `feed`, `sip` (consolidated-tape rules) or `all`',
    choice('feed', CONDITION_POLICIES)
  ),
  ALLOWED_DELAY: about('How long a bar waits for late trades before it is final', duration(2000)),
  LATENESS_LIMIT: about('How late a trade may be and still correct its bar', duration(86_400_000)),
  REDELIVERED: about(
    'A trade whose vendor id was seen before: `drop` keeps it out of bars, `keep` counts it again',
    choice('drop', ['drop', 'keep'])
  ),
  BARS_TOPIC: about(
    'Topic that bars are published to, or `off`',
    text('bars', "a topic name, or 'off'")
  ),
  FORECASTS: optional(forecastsVariable()),
  FORECASTS_TOPIC: about(
    'Topic that forecasts are published to, or `off`',
    text('forecasts', "a topic name, or 'off'")
  ),
  FLUSH_INTERVAL: about('How often results are written', duration(500, 20)),
  CONSUMER_PORT: about(
    "Port of the consumer's health and metrics; 0 picks a free one",
    whole(0, 0, 65_535)
  ),
  HEALTH_HOST: SERVICE_VARIABLES.HEALTH_HOST
} as const

export interface ConsumerConfig {
  readonly kafka: KafkaConfig
  readonly groupId: string
  readonly mongo: MongoConfig
  readonly fold: FoldOptions
  /** Where bars are published too; undefined: nowhere. */
  readonly barsTopic: string | undefined
  readonly forecasts: readonly ForecastSpec[]
  /** Where forecasts are published too; undefined: nowhere. */
  readonly forecastsTopic: string | undefined
  readonly flushIntervalMs: number
  readonly healthHost: string
  readonly healthPort: number
}

/** Trades stamped further ahead of their receipt than this are kept aside. */
const FUTURE_LIMIT_MS = 60_000

/** @throws CONFIG_INVALID with every mistake */
export function readConfig(env: Env): ConsumerConfig {
  const values = readEnv(env, CONSUMER_VARIABLES)
  return Object.freeze({
    kafka: kafkaConfig(values),
    groupId: values.KAFKA_GROUP,
    mongo: mongoConfig(values),
    fold: {
      timeframes: values.TIMEFRAMES,
      policy: values.CONDITION_POLICY,
      allowedDelayMs: values.ALLOWED_DELAY,
      latenessLimitMs: values.LATENESS_LIMIT,
      futureLimitMs: FUTURE_LIMIT_MS,
      redelivered: values.REDELIVERED
    },
    barsTopic: values.BARS_TOPIC === 'off' ? undefined : values.BARS_TOPIC,
    forecasts: forecastsFor(values.TIMEFRAMES, values.FORECASTS),
    forecastsTopic: values.FORECASTS_TOPIC === 'off' ? undefined : values.FORECASTS_TOPIC,
    flushIntervalMs: values.FLUSH_INTERVAL,
    healthHost: values.HEALTH_HOST,
    healthPort: values.CONSUMER_PORT
  })
}

/** Those asked for, each of a timeframe that is kept; by default what of the usual ones there is. */
function forecastsFor(
  timeframes: readonly Timeframe[],
  asked: readonly ForecastSpec[] | undefined
): readonly ForecastSpec[] {
  if (asked === undefined) {
    return DEFAULT_FORECASTS.filter(({ timeframe }) => timeframes.includes(timeframe))
  }
  const problems = asked
    .filter(({ timeframe }) => !timeframes.includes(timeframe))
    .map(
      ({ timeframe, lookback, horizon }) =>
        `FORECASTS: '${timeframe}:${lookback}:${horizon}' needs bars of ${timeframe}, expected it in TIMEFRAMES`
    )
  if (problems.length > 0) {
    throw new TapedeckError('CONFIG_INVALID', `Cannot start: ${problems.join('\n')}`)
  }
  return asked
}

/** Names the rules that shape results; a checkpoint made by others is noticed. */
export function configHash({ fold, forecasts }: ConsumerConfig): string {
  const rules = JSON.stringify([fold, forecasts, CONDITION_TABLE_VERSION])
  return createHash('sha256').update(rules).digest('hex').slice(0, 16)
}
