import { messageOf, TapedeckError } from '@tapedeck/core'
import { kafkaConfig, pingBroker, type KafkaConfig } from '@tapedeck/kafka'
import { openDatabase, type MongoConfig } from '@tapedeck/mongo'
import type { StackConfig } from './config.ts'
import { neverExits, type RunningServer } from './running-server.ts'

const ANSWER_LIMIT_MS = 5000

/**
 * The user's own broker, if it answers.
 * @throws SERVER_MISSING with what was wrong
 */
export async function externalKafka(config: KafkaConfig): Promise<RunningServer> {
  await pingBroker(config, ANSWER_LIMIT_MS).catch((cause: unknown) => {
    throw new TapedeckError('SERVER_MISSING', `KAFKA_BROKERS: ${messageOf(cause)}`, { cause })
  })
  return yours(config.brokers.join(','), 'yours (KAFKA_BROKERS)')
}

/**
 * The user's own database, if it answers.
 * @throws SERVER_MISSING with what was wrong
 */
export async function externalMongo(config: MongoConfig): Promise<RunningServer> {
  try {
    const database = await openDatabase(config, {
      appName: 'tapedeck-stack',
      timeoutMs: ANSWER_LIMIT_MS,
      maxPoolSize: 1
    })
    await database.close()
  } catch (cause) {
    throw new TapedeckError('SERVER_MISSING', `MONGODB_URI: ${messageOf(cause)}`, { cause })
  }
  return yours(config.uri, 'yours (MONGODB_URI)')
}

function yours(address: string, description: string): RunningServer {
  return {
    pid: undefined,
    address,
    description,
    exited: neverExits,
    stop: () => Promise.resolve()
  }
}

/** The broker's configuration for whoever speaks to it, whether it is ours or the user's. */
export function kafkaConfigOf(config: StackConfig, address: string): KafkaConfig {
  return (
    config.kafka ??
    kafkaConfig({
      KAFKA_BROKERS: { brokers: [address], ssl: false, user: undefined, password: undefined },
      KAFKA_TOPIC: config.topic,
      KAFKA_SSL: false,
      KAFKA_USERNAME: undefined,
      KAFKA_PASSWORD: undefined,
      KAFKA_SASL_MECHANISM: 'plain'
    })
  )
}
