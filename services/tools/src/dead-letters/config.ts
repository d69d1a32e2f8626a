import { readFileSync } from 'node:fs'
import path from 'node:path'
import { optional, readEnv, TapedeckError, text, secret, type Env } from '@tapedeck/core'
import { brokersVariable, KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from '@tapedeck/kafka'

export interface DeadConfig {
  readonly kafka: KafkaConfig
  /** Where the broker's address comes from, for people. */
  readonly brokerFrom: string
  /** The feed of letters that do not name theirs: what the producer would say of its origin. */
  readonly feed: string
}

/**
 * Where the broker is: KAFKA_BROKERS, or the one that `npm start` runs from this data folder.
 * @throws CONFIG_INVALID with every mistake; SERVER_MISSING when there is neither
 */
export function readDeadConfig(env: Env): DeadConfig {
  const values = readEnv(env, {
    ...KAFKA_VARIABLES,
    KAFKA_BROKERS: optional(brokersVariable()),
    TAPEDECK_DATA_DIR: text('./.data', 'a folder'),
    FEED_NAME: optional(text()),
    FINNHUB_TOKEN: optional(secret())
  })
  const feed = values.FEED_NAME ?? (values.FINNHUB_TOKEN === undefined ? 'simulated' : 'finnhub')
  const { KAFKA_BROKERS } = values
  if (KAFKA_BROKERS !== undefined) {
    return { kafka: kafkaConfig({ ...values, KAFKA_BROKERS }), brokerFrom: 'KAFKA_BROKERS', feed }
  }
  const file = path.join(values.TAPEDECK_DATA_DIR, 'ports.json')
  const port = kafkaPort(file)
  if (port === undefined) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot find Kafka: KAFKA_BROKERS is not set and ${file} names no port, ` +
        `expected KAFKA_BROKERS, or the TAPEDECK_DATA_DIR of a running npm start`
    )
  }
  const brokers = {
    brokers: [`127.0.0.1:${port}`],
    ssl: false,
    user: undefined,
    password: undefined
  }
  return {
    // The broker of npm start has no credentials, whatever is set for another one.
    kafka: { ...kafkaConfig({ ...values, KAFKA_BROKERS: brokers }), ssl: false, sasl: undefined },
    brokerFrom: file,
    feed
  }
}

function kafkaPort(file: string): number | undefined {
  try {
    const { kafka } = JSON.parse(readFileSync(file, 'utf8')) as { readonly kafka?: unknown }
    return typeof kafka === 'number' ? kafka : undefined
  } catch {
    return undefined // no file, or a damaged one: the stack has not run here
  }
}
