import {
  fullJitter,
  hasEnded,
  messageOf,
  repeat,
  retry,
  systemClock,
  thisProcess
} from '@tapedeck/core'
import {
  ensureTopics,
  evictMembers,
  openDeadLetters,
  openLogEnds,
  openRecordHashes,
  openSerialPublisher,
  openTopicIds,
  openTradeSource,
  reachBroker,
  type SerialPublisher,
  type TradeSource
} from '@tapedeck/kafka'
import {
  connectPreparedDatabase,
  partitionOwners,
  whyNotAsBytes,
  type Database
} from '@tapedeck/mongo'
import {
  clientLog,
  serveHealth,
  startWait,
  unreadableReport,
  type Logger,
  type ServiceContext
} from '@tapedeck/service'
import type { ConsumerConfig } from './config.ts'
import { consumerMetrics } from './metrics.ts'
import { EndWatch, LOOK_INTERVAL_MS } from './end-watch.ts'
import { Partitions } from './partitions.ts'

const BROKER_LIMIT_MS = 5000
const PING_LIMIT_MS = 2000
const FINAL_FLUSH_MS = 3000

interface Opened {
  readonly database: Database
  readonly partitions?: Partitions
  readonly ends?: EndWatch
}

/**
 * Reads `raw_data`, folds trades into bars, makes forecasts, and stores all results. Serves health first,
 * which names the servers that it waits for, and returns when it consumes.
 *
 * The database opens before the source, because its checkpoints, not Kafka's committed offsets, say where
 * each partition starts (docs/adr/0003-checkpoint-in-mongodb.md).
 */
export async function startConsumer(
  config: ConsumerConfig,
  context: ServiceContext
): Promise<{ healthUrl: string }> {
  const { log, signal, defer } = context
  const metrics = consumerMetrics(context.metrics)
  const servers = startWait(context)
  const unreadable = unreadableReport(context)
  let open: Opened | undefined
  const { url: healthUrl } = await serveHealth(
    'consumer',
    context,
    async () => {
      const waiting = servers.reasons()
      if (waiting.length > 0) return waiting
      const problems: string[] = []
      await open?.database
        .ping(PING_LIMIT_MS)
        .catch((error: unknown) => problems.push(messageOf(error)))
      if (open?.partitions === undefined) return [...problems, 'the topic is not read yet']
      problems.push(...(open.ends?.problems() ?? []), ...open.partitions.problems())
      if (problems.length === 0 && open.partitions.count === 0) {
        problems.push('no partition is assigned yet')
      }
      return problems
    },
    {
      host: config.healthHost,
      port: config.healthPort,
      warnings: () => open?.partitions?.warnings() ?? []
    }
  )
  const database = await servers.until(() =>
    connectPreparedDatabase(config.mongo, { appName: 'tapedeck-consumer', unreadable })
  )
  defer(() => database.close())
  open = { database }
  const clusterId = await servers.until(() => reachBroker(config.kafka, BROKER_LIMIT_MS))
  const { barsTopic, forecastsTopic } = config
  const compacted = [barsTopic, forecastsTopic].filter((topic) => topic !== undefined)
  await servers.until(() => ensureTopics(config.kafka, { compacted }))
  const kafkaLog = clientLog(log)
  const deadLetters = openDeadLetters(config.kafka, {
    clientId: 'tapedeck-consumer-dead',
    log: kafkaLog
  })
  defer(() => deadLetters.close())
  const publisherOf = (topic: string | undefined): SerialPublisher | undefined => {
    if (topic === undefined) return undefined
    const clientId = `tapedeck-consumer-${topic}`
    const publisher = openSerialPublisher(config.kafka, {
      clientId,
      topic,
      log: kafkaLog,
      isCompressed: true
    })
    defer(() => publisher.close())
    return publisher
  }

  const topicIds = openTopicIds(config.kafka, { clientId: 'tapedeck-consumer-id', log: kafkaLog })
  defer(() => topicIds.close())
  const hashes = openRecordHashes(config.kafka, {
    clientId: 'tapedeck-consumer-hash',
    log: kafkaLog
  })
  defer(() => hashes.close())
  // Retries end with the time for the final flush, not when the service begins to stop.
  const giveUp = new AbortController()
  let source: TradeSource | undefined
  const me = await thisProcess()
  await evictDeadMembers(config, database, log)
  const logEnds = openLogEnds(config.kafka, 'tapedeck-consumer-ends')
  defer(() => logEnds.close())
  const ends = new EndWatch({
    ends: logEnds,
    positions: () => partitions.positions,
    monotonicMs: () => performance.now()
  })
  const partitions: Partitions = new Partitions({
    ends,
    clock: systemClock,
    clusterId,
    process: me,
    fail: context.fail,
    config,
    database,
    metrics,
    log,
    signal: giveUp.signal,
    retry: (work) =>
      retry(work, {
        delayMs: fullJitter({ baseMs: 100, capMs: 5000 }),
        signal: giveUp.signal,
        onRetry(error, waitMs) {
          metrics.retries.inc()
          log.warn({ err: error, waitMs }, 'trying again')
        }
      }),
    sendDead: (letters) => deadLetters.send(letters),
    bars: publisherOf(barsTopic),
    forecasts: publisherOf(forecastsTopic),
    topicId: () => topicIds.read(),
    hashAt: (partition, offset) => hashes.at(partition, offset),
    reseek: (partition) => source?.reseek(partition),
    committed(partition, nextOffset) {
      metrics.checkpoint.set({ partition }, Date.now() / 1000)
      source?.commit(partition, nextOffset).catch((error: unknown) => {
        log.debug({ err: error, partition }, 'the lag was not reported')
      })
    }
  })
  open = { database, partitions, ends }
  source = await openTradeSource(
    config.kafka,
    { groupId: config.groupId, clientId: 'tapedeck-consumer', log: kafkaLog },
    partitions
  )
  const stopLooking = repeat(
    LOOK_INTERVAL_MS,
    () => partitions.lookAtLog(),
    (error) => context.fail(error)
  )
  defer(async () => {
    const stopped = stopLooking()
    // A look in progress ends with its connection.
    await Promise.all([logEnds.close(), topicIds.close()])
    await stopped
  })
  const stopFlushing = repeat(
    config.flushIntervalMs,
    () => partitions.flush(),
    (error) => context.fail(error)
  )
  defer(async () => {
    // Stop reading, then store what was read.
    const limit = setTimeout(() => giveUp.abort(), FINAL_FLUSH_MS)
    await source.close().catch((error: unknown) => log.warn({ err: error }, 'leaving failed'))
    await stopFlushing()
    await partitions.flush(true)
    clearTimeout(limit)
    giveUp.abort()
  })

  if (whyNotAsBytes !== undefined) {
    log.info(
      { reason: whyNotAsBytes },
      'documents go through the serialiser of the driver, which takes longer'
    )
  }
  log.info(
    { topic: config.kafka.topic, timeframes: config.fold.timeframes, policy: config.fold.policy },
    'consuming'
  )
  signal.throwIfAborted()
  return { healthUrl }
}

/**
 * Removes the members of the group whose process, which this one can see, is dead, so that a consumer that was
 * killed and started again need not wait for the end of its former session. Best effort.
 */
async function evictDeadMembers(
  { kafka, groupId }: ConsumerConfig,
  database: Database,
  log: Logger
): Promise<void> {
  const dead = new Set<string>()
  for (const owner of await partitionOwners(database, kafka.topic)) {
    if (owner?.memberId && (await hasEnded(owner))) dead.add(owner.memberId)
  }
  try {
    const evicted = await evictMembers(kafka, groupId, [...dead])
    if (evicted > 0) log.info({ members: evicted }, 'members whose process is dead left the group')
  } catch (error) {
    log.warn({ err: error }, 'dead members were not evicted: the group waits for their sessions')
  }
}
