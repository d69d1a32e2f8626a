import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readEnv, text, type Env } from '@tapedeck/core'
import { RULE_VARIABLES, rulesOf, type Rules } from '@tapedeck/domain'
import { KAFKA_VARIABLES, kafkaConfig, type KafkaConfig } from '@tapedeck/kafka'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'

/** The rules of the consumer and where its servers are. */
export interface ToolConfig extends Rules {
  readonly kafka: KafkaConfig
  readonly mongo: MongoConfig
}

export interface CommandConfig {
  readonly consumer: ToolConfig
  /** Where the database's address comes from, for people. */
  readonly databaseFrom: string
}

/** Never spoken to: commands that need no broker still read the consumer's configuration. */
const NO_BROKER = '127.0.0.1:9092'

/**
 * The consumer's configuration, with the servers of a running `npm start` where none are named.
 * @throws CONFIG_INVALID with every mistake
 */
export function readCommandConfig(env: Env): CommandConfig {
  const { TAPEDECK_DATA_DIR: dataDir } = readEnv(env, {
    TAPEDECK_DATA_DIR: text('./.data', 'a folder')
  })
  const file = path.join(dataDir, 'ports.json')
  const { kafka, mongod } = portsOf(file)
  const isNamed = (env['MONGODB_URI'] ?? '').trim() !== ''
  const isStack = !isNamed && mongod !== undefined
  const given: Env = {
    ...env,
    // The servers of npm start have no credentials, whatever is set for others.
    ...(isStack && {
      MONGODB_URI: `mongodb://127.0.0.1:${mongod}`,
      MONGODB_USERNAME: '',
      MONGODB_PASSWORD: ''
    }),
    ...((env['KAFKA_BROKERS'] ?? '').trim() === '' && {
      KAFKA_BROKERS: kafka === undefined ? NO_BROKER : `127.0.0.1:${kafka}`
    })
  }
  const values = readEnv(given, { ...KAFKA_VARIABLES, ...MONGO_VARIABLES, ...RULE_VARIABLES })
  return {
    consumer: { kafka: kafkaConfig(values), mongo: mongoConfig(values), ...rulesOf(values) },
    databaseFrom: isStack ? file : 'MONGODB_URI'
  }
}

function portsOf(file: string): { readonly kafka?: number; readonly mongod?: number } {
  try {
    const ports = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
    return {
      ...(typeof ports['kafka'] === 'number' && { kafka: ports['kafka'] }),
      ...(typeof ports['mongod'] === 'number' && { mongod: ports['mongod'] })
    }
  } catch {
    return {} // no file, or a damaged one: the stack has not run here
  }
}
