import {
  about,
  choice,
  duration,
  flag,
  optional,
  Problems,
  secret,
  TapedeckError,
  text,
  whole,
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
  ),
  KAFKA_PARTITIONS: about(
    'Partitions of a topic that is created; the dead letters have one',
    whole(6, 1, 10_000)
  ),
  KAFKA_REPLICATION_FACTOR: about(
    'Copies of each partition of a topic that is created',
    optional(whole(undefined, 1, 100)),
    "the brokers' own default"
  ),
  KAFKA_MIN_INSYNC_REPLICAS: about(
    'Copies that must have a record before it is acknowledged, for a topic that is created',
    optional(whole(undefined, 1, 100)),
    "the brokers' own default"
  ),
  KAFKA_RETENTION: about(
    'How long a topic that is created keeps its records, such as `7d`',
    duration(7 * 86_400_000, 60_000)
  ),
  KAFKA_RETENTION_BYTES: about(
    'Largest size of a partition of the trades or their dead letters, for a topic that is created',
    whole(1024 ** 3, 1024 ** 2, Number.MAX_SAFE_INTEGER)
  )
} as const

/** Where the consumer publishes results, for it and for those who read them. */
export const RESULT_TOPIC_VARIABLES = {
  BARS_TOPIC: about(
    'Topic that bars are published to, or `off`',
    text('bars', "a topic name, or 'off'")
  ),
  FORECASTS_TOPIC: about(
    'Topic that forecasts are published to, or `off`',
    text('forecasts', "a topic name, or 'off'")
  )
} as const

/** The topics of results by their variables; undefined: what it would hold is not published. */
export function resultTopics({
  BARS_TOPIC: bars,
  FORECASTS_TOPIC: forecasts
}: Values<typeof RESULT_TOPIC_VARIABLES>): {
  readonly bars: string | undefined
  readonly forecasts: string | undefined
} {
  return { bars: unlessOff(bars), forecasts: unlessOff(forecasts) }
}

function unlessOff(topic: string): string | undefined {
  return topic === 'off' ? undefined : topic
}

/** How topics are created; those that exist stay as they are. */
export interface TopicSettings {
  readonly partitions: number
  /** Copies of each partition; undefined: the brokers' default. */
  readonly replicationFactor: number | undefined
  /** Copies that must have a record before it is acknowledged; undefined: the brokers' default. */
  readonly minInSyncReplicas: number | undefined
  /** Records older than this are removed. */
  readonly retentionMs: number
  /** Largest size of a partition of the trades and of the dead letters. */
  readonly retentionBytes: number
}

export const DEFAULT_TOPICS: TopicSettings = {
  partitions: KAFKA_VARIABLES.KAFKA_PARTITIONS.fallback ?? 6,
  replicationFactor: undefined,
  minInSyncReplicas: undefined,
  retentionMs: KAFKA_VARIABLES.KAFKA_RETENTION.fallback ?? 0,
  retentionBytes: KAFKA_VARIABLES.KAFKA_RETENTION_BYTES.fallback ?? 0
}

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
  /** Unless given, DEFAULT_TOPICS. */
  readonly topics?: TopicSettings
}

/**
 * Credentials in variables win over those in the address.
 * @throws CONFIG_INVALID when more copies must have a record than there are
 */
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
          },
    topics: topicSettings(values)
  }
}

/**
 * How a service creates topics.
 * @throws CONFIG_INVALID when more copies must have a record than there are
 */
export function topicSettings(
  values: Omit<Values<typeof KAFKA_VARIABLES>, 'KAFKA_BROKERS'>
): TopicSettings {
  const { KAFKA_REPLICATION_FACTOR: replicas, KAFKA_MIN_INSYNC_REPLICAS: inSync } = values
  if (replicas !== undefined && inSync !== undefined && inSync > replicas) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `KAFKA_MIN_INSYNC_REPLICAS is ${inSync}, expected at most KAFKA_REPLICATION_FACTOR ${replicas}`
    )
  }
  return {
    partitions: values.KAFKA_PARTITIONS,
    replicationFactor: replicas,
    minInSyncReplicas: inSync,
    retentionMs: values.KAFKA_RETENTION,
    retentionBytes: values.KAFKA_RETENTION_BYTES
  }
}
