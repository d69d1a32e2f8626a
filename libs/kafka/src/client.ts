import './timer-fix.ts'
import './codecs.ts'
import { hasCode, messageOf, retry, Secret, TapedeckError, withTimeout } from '@tapedeck/core'
import {
  Kafka,
  logLevel,
  type Admin,
  type ISocketFactory,
  type ITopicConfig,
  type logCreator
} from 'kafkajs'
import { DEFAULT_TOPICS, type KafkaConfig } from './config.ts'
import { assertPlaceable, placementTopicOf } from './placement.ts'
import { connectTo, splittable, withOwnSockets } from './sockets.ts'

/** Receives the client's own log: level, message and a flat record. */
export type ClientLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  details: Record<string, unknown>
) => void

const LEVELS: Readonly<Record<number, Parameters<ClientLog>[0]>> = {
  [logLevel.ERROR]: 'error',
  [logLevel.WARN]: 'warn',
  [logLevel.INFO]: 'info',
  [logLevel.DEBUG]: 'debug'
}

/**
 * Answers of a fresh broker that elects its coordinator, and to a member that was away; the client retries by itself.
 * A failed response (`Response Metadata(key: 3…`) is thrown as well, with its reason.
 */
const TRANSIENT =
  /^Response |topic has been updated|limiting retries|restarting the consumer|coordinator is (loading|not available)|group coordinator|does not host this topic|no leader|rebalanc|not aware of this member|generation id is not valid/i

/**
 * Creates a kafkajs client. `clientId` names the service in the broker's log; `retries` count for
 * connecting too.
 */
export function createClient(
  config: KafkaConfig,
  clientId: string,
  log: ClientLog = () => undefined,
  retries = 8
): Kafka {
  const creator: logCreator =
    () =>
    ({ level, log: { message, ...details } }) => {
      const text = `${message} ${String(details['error'] ?? '')}`
      log(TRANSIENT.test(text) ? 'debug' : (LEVELS[level] ?? 'debug'), message, details)
    }
  const make = (socketFactory: ISocketFactory): Kafka =>
    new Kafka({
      clientId,
      brokers: config.brokers.map(splittable),
      socketFactory,
      ssl: config.ssl,
      ...(config.sasl !== undefined && {
        sasl: {
          // kafkajs has a type for each mechanism; they share this form.
          mechanism: config.sasl.mechanism as 'plain',
          username: config.sasl.username,
          password:
            config.sasl.password instanceof Secret
              ? config.sasl.password.reveal()
              : config.sasl.password
        }
      }),
      connectionTimeout: 3000,
      authenticationTimeout: 5000,
      requestTimeout: 30_000,
      // Each try to connect takes the next broker of the list: one that is down must not stand for all.
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 2000,
        retries: Math.max(retries, config.brokers.length - 1)
      },
      logLevel: logLevel.INFO,
      logCreator: creator
    })
  const client = make(connectTo)
  client.admin = (options) => withOwnSockets(make, (own) => own.admin(options))
  client.producer = (options) => withOwnSockets(make, (own) => own.producer(options))
  return client
}

/**
 * The broker's cluster id.
 * @throws BROKER_UNREACHABLE when no broker answers within `timeoutMs`.
 */
export async function pingBroker(config: KafkaConfig, timeoutMs: number): Promise<string> {
  const admin = createClient(config, 'tapedeck-ping', undefined, 0).admin()
  try {
    const work = admin.connect().then(() => admin.describeCluster())
    const { clusterId } = await withTimeout(work, timeoutMs, 'Asking the broker')
    return clusterId
  } catch (cause) {
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      `Cannot reach Kafka: no answer from ${config.brokers.join(', ')} (${messageOf(cause)}), expected ${expectedBroker(config, messageOf(cause))}`,
      { cause }
    )
  } finally {
    // A broker that hangs answers no request, and a client waits for its requests before it disconnects.
    await withTimeout(admin.disconnect(), timeoutMs, 'Disconnecting').catch(() => undefined)
  }
}

/** The broker that was asked names the addresses to use, and may name one that only its own network knows. */
function expectedBroker({ brokers }: KafkaConfig, why: string): string {
  const host = /(?:ENOTFOUND|EAI_AGAIN) (\S+?)\)?$/.exec(why)?.[1]
  return host === undefined || brokers.some((broker) => broker.startsWith(`${host}:`))
    ? 'a broker'
    : `a name in its advertised.listeners that this machine knows, found ${host}`
}

/**
 * The same as `pingBroker`, but refused credentials are a mistake in the configuration, not an outage.
 * @throws CONFIG_INVALID when the credentials are refused; BROKER_UNREACHABLE
 */
export async function reachBroker(config: KafkaConfig, timeoutMs: number): Promise<string> {
  try {
    return await pingBroker(config, timeoutMs)
  } catch (error) {
    if (!hasCode(error, 'BROKER_UNREACHABLE') || !isRefusal(error.cause)) throw error
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot use Kafka: ${messageOf(error.cause)}, expected other credentials in KAFKA_BROKERS, or KAFKA_USERNAME and KAFKA_PASSWORD`,
      { cause: error }
    )
  }
}

/** kafkajs does not export the class of this error to modules, so its name is compared. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.name === 'KafkaJSSASLAuthenticationError' || isRefusal(error.cause)
}

/**
 * Runs work with a connected admin client.
 * @throws BROKER_UNREACHABLE with `failure` in front; CONFIG_INVALID as the work throws it
 */
export async function withAdmin<T>(
  config: KafkaConfig,
  clientId: string,
  failure: string,
  work: (admin: Admin) => Promise<T>
): Promise<T> {
  const admin = createClient(config, clientId).admin()
  try {
    await admin.connect()
    return await work(admin)
  } catch (cause) {
    if (hasCode(cause, 'CONFIG_INVALID')) throw cause
    throw new TapedeckError('BROKER_UNREACHABLE', `${failure}: ${messageOf(cause)}`, { cause })
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

/** The dead-letter topic of a topic: records that did not fit the schema, with the reason. */
export function deadTopicOf(topic: string): string {
  return `${topic}.dead`
}

interface TopicOptions {
  /** Instead of the configured number. */
  readonly partitions?: number
  /** Further topics, of which Kafka keeps the newest record of each key. */
  readonly compacted?: readonly string[]
}

/** The broker then takes its own `default.replication.factor` (KIP-464). */
const BROKERS_DEFAULT = -1
const MEBIBYTE = 1024 ** 2
/**
 * A topic of bars or forecasts: the newest record of each key, and a bound where compaction lags. It compacts
 * only segments that are closed, so these are small and do not stay open for long.
 */
const COMPACTED: Readonly<Record<string, string | number>> = {
  'cleanup.policy': 'compact,delete',
  'segment.bytes': 16 * MEBIBYTE,
  'segment.ms': 3_600_000,
  'max.compaction.lag.ms': 3_600_000,
  'retention.bytes': 64 * MEBIBYTE
}

/**
 * Creates `topic`, its dead-letter topic, the compacted ones and the one that records the placement, unless
 * they exist; existing ones stay as they are. Returns how many partitions the topic has.
 * @throws BROKER_UNREACHABLE; CONFIG_INVALID when the topic has fewer partitions than its placement
 */
export async function ensureTopics(
  config: KafkaConfig,
  { compacted = [], ...options }: TopicOptions = {}
): Promise<number> {
  const dead = deadTopicOf(config.topic)
  const settings = config.topics ?? DEFAULT_TOPICS
  const { minInSyncReplicas, retentionMs, retentionBytes } = settings
  const numPartitions = options.partitions ?? settings.partitions
  const topicOf = (
    topic: string,
    count: number,
    own: Readonly<Record<string, string | number>>
  ): ITopicConfig => ({
    topic,
    numPartitions: count,
    replicationFactor: settings.replicationFactor ?? BROKERS_DEFAULT,
    configEntries: Object.entries({
      'retention.ms': retentionMs,
      ...own,
      ...(minInSyncReplicas !== undefined && { 'min.insync.replicas': minInSyncReplicas })
    }).map(([name, value]) => ({ name, value: String(value) }))
  })
  const wanted = [
    topicOf(config.topic, numPartitions, { 'retention.bytes': retentionBytes }),
    topicOf(dead, 1, { 'retention.bytes': retentionBytes }),
    ...compacted.map((topic) => topicOf(topic, numPartitions, COMPACTED))
  ]
  const failure = `Cannot create the topics ${config.topic} and ${dead}`
  return withAdmin(config, 'tapedeck-topics', failure, async (admin) => {
    const present = await admin.listTopics()
    const missing = wanted.filter(({ topic }) => !present.includes(topic))
    // Not waitForLeaders: kafkajs gives up when a broker does not know the new topic yet.
    if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: false })
    const found = await whenLed(admin, [config.topic, dead, ...compacted])
    const placementTopic = placementTopicOf(config.topic)
    if (!present.includes(placementTopic)) {
      const topics = [topicOf(placementTopic, found, {})]
      await admin.createTopics({ topics, waitForLeaders: false })
    }
    assertPlaceable(config.topic, found, await whenLed(admin, [placementTopic]))
    return found
  })
}

const LEADERS_LIMIT_MS = 10_000
const LEADERS_POLL_MS = 50
/** Answers of a broker that has not heard from the controller yet. */
const NOT_YET: readonly unknown[] = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']

/** Waits until every partition has a leader; returns how many partitions the first topic has. */
async function whenLed(admin: Admin, names: readonly string[]): Promise<number> {
  const ask = async (): Promise<number> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...names] })
    const isLed = topics.every(
      ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)
    )
    if (!isLed) throw new TapedeckError('TIMED_OUT', 'found partitions without a leader')
    return topics.find(({ name }) => name === names[0])?.partitions.length ?? 0
  }
  return retry(ask, {
    delayMs: () => LEADERS_POLL_MS,
    limitMs: LEADERS_LIMIT_MS,
    isRetryable: (error) =>
      hasCode(error, 'TIMED_OUT') || NOT_YET.includes((error as { type?: unknown }).type)
  })
}

/**
 * By how many partitions the records of the topic are placed; see placement.ts.
 * @throws BROKER_UNREACHABLE, also when the topic was not prepared by `ensureTopics`
 */
export async function readPlacement(config: KafkaConfig): Promise<number> {
  const failure = `Cannot read how the records of ${config.topic} are placed`
  return withAdmin(config, 'tapedeck-placement', failure, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [placementTopicOf(config.topic)] })
    const count = topics[0]?.partitions.length ?? 0
    if (count === 0) throw new TapedeckError('TIMED_OUT', 'found no partition')
    return count
  })
}
