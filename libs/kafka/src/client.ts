import './timer-fix.ts'
import { hasCode, messageOf, retry, Secret, TapedeckError, withTimeout } from '@tapedeck/core'
import { Kafka, logLevel, type Admin, type ITopicConfig, type logCreator } from 'kafkajs'
import type { KafkaConfig } from './config.ts'

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

/** What a fresh broker answers while it elects its coordinator; the client retries by itself. */
const TRANSIENT =
  /limiting retries|restarting the consumer|coordinator is (loading|not available)|group coordinator|does not host this topic|no leader|rebalanc/i

/** A kafkajs client; only this lib sees it. `clientId` names the service in the broker's log; `retries` count for connecting too. */
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
  return new Kafka({
    clientId,
    brokers: [...config.brokers],
    ssl: config.ssl,
    ...(config.sasl !== undefined && {
      sasl: {
        // kafkajs types each mechanism apart; they share this form.
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
    retry: { initialRetryTime: 100, maxRetryTime: 2000, retries },
    logLevel: logLevel.INFO,
    logCreator: creator
  })
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
      `Cannot reach Kafka: no answer from ${config.brokers.join(', ')} (${messageOf(cause)}), expected a broker`,
      { cause }
    )
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

/** The dead-letter topic of a topic: what did not fit the schema, with the reason. */
export function deadTopicOf(topic: string): string {
  return `${topic}.dead`
}

export interface TopicOptions {
  readonly partitions?: number
  readonly replicationFactor?: number
  /** Further topics, of which Kafka keeps the newest record of each key. */
  readonly compacted?: readonly string[]
}

/**
 * Creates `topic`, its dead-letter topic and the compacted ones unless they exist; existing ones stay
 * as they are.
 * Answers how many partitions the topic has.
 */
export async function ensureTopics(
  config: KafkaConfig,
  { partitions = 6, replicationFactor = 1, compacted = [] }: TopicOptions = {}
): Promise<number> {
  const admin = createClient(config, 'tapedeck-topics').admin()
  const dead = deadTopicOf(config.topic)
  const wanted: ITopicConfig[] = [
    { topic: config.topic, numPartitions: partitions, replicationFactor },
    { topic: dead, numPartitions: 1, replicationFactor },
    ...compacted.map((topic) => ({
      topic,
      numPartitions: partitions,
      replicationFactor,
      configEntries: [{ name: 'cleanup.policy', value: 'compact' }]
    }))
  ]
  try {
    await admin.connect()
    const present = await admin.listTopics()
    const missing = wanted.filter(({ topic }) => !present.includes(topic))
    // Not waitForLeaders: kafkajs gives up where a broker has not yet heard of what was just made.
    if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: false })
    return await whenLed(admin, [config.topic, dead, ...compacted])
  } catch (cause) {
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      `Cannot create the topics ${config.topic} and ${dead}: ${messageOf(cause)}`,
      { cause }
    )
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

const LEADERS_LIMIT_MS = 10_000
const LEADERS_POLL_MS = 50
/** What a broker answers until it has heard from the controller. */
const NOT_YET: readonly unknown[] = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']

/** Waits until every partition has a leader; answers how many the first topic has. */
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

/** Offset after the last record of every partition now. @throws BROKER_UNREACHABLE */
export async function partitionEnds(config: KafkaConfig): Promise<Map<number, number>> {
  const admin = createClient(config, 'tapedeck-ends').admin()
  try {
    await admin.connect()
    const offsets = await admin.fetchTopicOffsets(config.topic)
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  } catch (cause) {
    throw new TapedeckError(
      'BROKER_UNREACHABLE',
      `Cannot ask for the offsets of ${config.topic}: ${messageOf(cause)}`,
      { cause }
    )
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
