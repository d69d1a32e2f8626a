import {
  about,
  choice,
  flag,
  optional,
  Problems,
  secret,
  text,
  type Secret,
  type Values,
  type Variable
} from '@tapedeck/core'

/** The brokers and the credentials of an address. */
interface BrokerAddresses {
  readonly brokers: readonly string[]
  readonly ssl: boolean
  readonly user: string | undefined
  readonly password: string | undefined
}

/**
 * `host:port[,host:port]`, or with credentials `kafka://user:password@host:port[,…]`;
 * `kafka+ssl://` uses TLS. The error names every bad entry, without its password.
 */
export function brokersVariable(): Variable<BrokerAddresses> {
  return {
    fallback: undefined,
    required: true,
    secret: true,
    expected: 'host:port[,host:port] or kafka[+ssl]://user:password@host:port[,host:port]',
    parse(found) {
      const match = /^(?:(kafka|kafka\+ssl):\/\/)?(?:([^:@/]*):(.*)@)?([^@]*)$/.exec(found)
      if (match === null) return undefined
      const [, scheme, user, password, hosts] = match
      const brokers = (hosts ?? '').split(',').map((entry) => entry.trim())
      const bad = brokers.filter((broker) => !/^(\[[0-9a-f:]+\]|[^\s:/]+):\d{1,5}$/i.test(broker))
      if (bad.length > 0) {
        throw new Problems(bad.map((broker) => `'${broker}' found, expected host:port`))
      }
      return {
        brokers,
        ssl: scheme === 'kafka+ssl',
        user: user === undefined ? undefined : decodeURIComponent(user),
        password: password === undefined ? undefined : decodeURIComponent(password)
      }
    }
  }
}

/** The variables of every service that uses Kafka. */
export const KAFKA_VARIABLES = {
  KAFKA_BROKERS: about(
    'Your own brokers: `host:port[,host:port]` or `kafka[+ssl]://user:password@host:port`',
    brokersVariable(),
    '`npm start` runs one'
  ),
  KAFKA_TOPIC: about('Topic of the trades', text('raw_data', 'a topic name')),
  KAFKA_SSL: about('Connect with TLS', flag(false)),
  KAFKA_USERNAME: about('User of your brokers', optional(text())),
  KAFKA_PASSWORD: about('Password of that user', optional(secret())),
  KAFKA_SASL_MECHANISM: about(
    'How the user signs in: plain, scram-sha-256 or scram-sha-512',
    choice('plain', ['plain', 'scram-sha-256', 'scram-sha-512'])
  )
} as const

export interface KafkaConfig {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly ssl: boolean
  readonly sasl:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly username: string
        readonly password: string | Secret
      }
    | undefined
}

/** Credentials in variables win over those in the address. */
export function kafkaConfig(values: Values<typeof KAFKA_VARIABLES>): KafkaConfig {
  const { brokers, ssl, user, password } = values.KAFKA_BROKERS
  const username = values.KAFKA_USERNAME ?? user
  return {
    brokers,
    topic: values.KAFKA_TOPIC,
    ssl: ssl || values.KAFKA_SSL,
    sasl:
      username === undefined
        ? undefined
        : {
            mechanism: values.KAFKA_SASL_MECHANISM,
            username,
            password: values.KAFKA_PASSWORD ?? password ?? ''
          }
  }
}
