import { about, duration, flag, readEnv, text, whole, type Env } from '@tapedeck/core'
import { RULE_VARIABLES, ruleProblems, rulesOf, type Rules } from '@tapedeck/domain'
import {
  KAFKA_VARIABLES,
  kafkaConfig,
  RESULT_TOPIC_VARIABLES,
  resultTopics,
  type KafkaConfig
} from '@tapedeck/kafka'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import { SERVICE_VARIABLES } from '@tapedeck/service'

export const CONSUMER_VARIABLES = {
  ...KAFKA_VARIABLES,
  ...MONGO_VARIABLES,
  KAFKA_GROUP: about('Consumer group', text('tapedeck', 'a consumer group name')),
  ...RULE_VARIABLES,
  ...RESULT_TOPIC_VARIABLES,
  BARS_PUBLISH_INTERVAL: about(
    'A bar that is not final is published at most this often for each symbol and timeframe; 0: at every flush',
    duration(1000, 0)
  ),
  SCORE_PAST: about(
    'Score also forecasts stored after their bar began or ended: for a tape of the past or a rebuild',
    flag(false)
  ),
  FLUSH_INTERVAL: about('How often results are written', duration(500, 20)),
  CONSUMER_PORT: about(
    "Port of the consumer's health and metrics; 0 picks a free one",
    whole(0, 0, 65_535)
  ),
  HEALTH_HOST: SERVICE_VARIABLES.HEALTH_HOST
} as const

export interface ConsumerConfig extends Rules {
  readonly kafka: KafkaConfig
  readonly groupId: string
  readonly mongo: MongoConfig
  /** Where bars are published too; undefined: nowhere. */
  readonly barsTopic: string | undefined
  /** Where forecasts are published too; undefined: nowhere. */
  readonly forecastsTopic: string | undefined
  /** Between two provisional bars of a symbol and timeframe on the topic, ms. */
  readonly barsPublishMs: number
  /** Scores count forecasts that are stored after their target began or ended. */
  readonly scoresPast: boolean
  readonly flushIntervalMs: number
  readonly healthHost: string
  readonly healthPort: number
}

/** @throws CONFIG_INVALID with every mistake */
export function readConfig(env: Env): ConsumerConfig {
  const values = readEnv(env, CONSUMER_VARIABLES, ruleProblems)
  const { bars, forecasts } = resultTopics(values)
  return Object.freeze({
    kafka: kafkaConfig(values),
    groupId: values.KAFKA_GROUP,
    mongo: mongoConfig(values),
    ...rulesOf(values),
    barsTopic: bars,
    forecastsTopic: forecasts,
    barsPublishMs: values.BARS_PUBLISH_INTERVAL,
    scoresPast: values.SCORE_PAST,
    flushIntervalMs: values.FLUSH_INTERVAL,
    healthHost: values.HEALTH_HOST,
    healthPort: values.CONSUMER_PORT
  })
}
