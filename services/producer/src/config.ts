import { optional, readEnv, secret, Secret, text, url, whole, type Env } from '@tapedeck/core'
import { FREE_PLAN_SYMBOLS, symbolsVariable } from '@tapedeck/domain'
import { KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from '@tapedeck/kafka'

const FINNHUB = 'wss://ws.finnhub.io'

export const PRODUCER_VARIABLES = {
  ...KAFKA_VARIABLES,
  FINNHUB_TOKEN: optional(secret()),
  FINNHUB_URL: optional(url(undefined, ['ws:', 'wss:'])),
  SIMULATOR_URL: optional(url(undefined, ['ws:', 'wss:'])),
  FEED_NAME: optional(text(undefined, 'a name such as finnhub or simulated')),
  FINNHUB_MAX_SYMBOLS: whole(FREE_PLAN_SYMBOLS, 1, 10_000),
  PRODUCER_PORT: whole(0, 0, 65_535),
  HEALTH_HOST: text('127.0.0.1', 'an address to listen on')
} as const

export interface ProducerConfig {
  readonly kafka: KafkaConfig
  readonly feedUrl: string
  readonly token: Secret
  /** What every record says of its origin. */
  readonly feedName: string
  readonly symbols: readonly string[]
  readonly healthHost: string
  readonly healthPort: number
}

/**
 * FINNHUB_URL wins; else with FINNHUB_TOKEN the real endpoint, else SIMULATOR_URL.
 * @throws CONFIG_INVALID with every mistake
 */
export function readConfig(env: Env): ProducerConfig {
  const most = Number(env['FINNHUB_MAX_SYMBOLS'] ?? FREE_PLAN_SYMBOLS)
  const values = readEnv(env, {
    ...PRODUCER_VARIABLES,
    SYMBOLS: symbolsVariable(Number.isSafeInteger(most) ? most : FREE_PLAN_SYMBOLS)
  })
  const isLive = values.FINNHUB_TOKEN !== undefined
  const feedUrl = values.FINNHUB_URL ?? (isLive ? FINNHUB : values.SIMULATOR_URL)
  if (feedUrl === undefined) {
    // Reported through the one reader, so that the message has the usual form.
    readEnv(
      {},
      { FINNHUB_TOKEN: { ...secret(), expected: 'a token, or FINNHUB_URL, or SIMULATOR_URL' } }
    )
  }
  return Object.freeze({
    kafka: kafkaConfig(values),
    feedUrl: feedUrl ?? FINNHUB,
    token: values.FINNHUB_TOKEN ?? new Secret('simulated'),
    feedName: values.FEED_NAME ?? (isLive ? 'finnhub' : 'simulated'),
    symbols: values.SYMBOLS,
    healthHost: values.HEALTH_HOST,
    healthPort: values.PRODUCER_PORT
  })
}
