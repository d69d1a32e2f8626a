import { hasCode, TapedeckError } from '@tapedeck/core'
import {
  ensureTopics,
  openDeadLetters,
  openTradeSource,
  partitionEnds,
  pingBroker,
  type PartitionReader,
  type TradeSource
} from '@tapedeck/kafka'
import { acquirePartition, ensureCollections, openDatabase } from '@tapedeck/mongo'
import { clientLog, serveHealth, type ServiceContext } from '@tapedeck/service'
import { configHash, type ConsumerConfig } from './config.ts'
import { consumerMetrics } from './consumer-metrics.ts'
import { PartitionWorker, type WorkerDeps } from './partition-worker.ts'
import { retried } from './retry.ts'

export { CONSUMER_VARIABLES, readConfig, type ConsumerConfig } from './config.ts'

const START_LIMIT_MS = 15_000
const FINAL_FLUSH_MS = 3000

/**
 * Reads `raw_data`, folds trades into bars, makes forecasts, stores all of it.
 *
 * The store opens before the source, because its checkpoints, not Kafka's committed offsets, say
 * where each partition starts (docs/adr/0003-checkpoint-in-mongodb.md).
 */
export async function startConsumer(
  config: ConsumerConfig,
  context: ServiceContext
): Promise<{ healthUrl: string }> {
  const { log, signal, defer } = context
  const metrics = consumerMetrics(context.metrics)
  const database = await openDatabase(config.mongo, { appName: 'tapedeck-consumer' })
  defer(() => database.close())
  await ensureCollections(database, config.mongo)
  const clusterId = await pingBroker(config.kafka, START_LIMIT_MS)
  await ensureTopics(config.kafka)
  const kafkaLog = clientLog(log)
  const deadLetters = openDeadLetters(config.kafka, {
    clientId: 'tapedeck-consumer-dead',
    log: kafkaLog
  })
  defer(() => deadLetters.close())

  // Retries of a flush end when the final flush has had its time, not when the stop begins.
  const giveUp = new AbortController()
  let source: TradeSource | undefined
  let workers = new Map<number, Promise<PartitionWorker>>()
  const ready = new Map<number, PartitionWorker>()

  const deps: WorkerDeps = {
    config,
    database,
    metrics,
    log,
    signal: giveUp.signal,
    sendDead: (letters) => deadLetters.send(letters),
    committed(partition, nextOffset) {
      source?.commit(partition, nextOffset).catch((error: unknown) => {
        log.debug({ err: error, partition }, 'lag was not reported')
      })
    }
  }

  const acquire = (partition: number): Promise<PartitionWorker> =>
    retried(
      () => acquireOnce(partition),
      giveUp.signal,
      (error, waitMs) => log.warn({ err: error, waitMs, partition }, 'acquiring again')
    )
  const acquireOnce = async (partition: number): Promise<PartitionWorker> => {
    const ends = await partitionEnds(config.kafka)
    const endOffset = ends.get(partition) ?? 0
    const owner = await acquirePartition(database, {
      log: `${config.kafka.topic}/${partition}`,
      owner: `${process.pid}`,
      clusterId,
      configHash: configHash(config),
      endOffset
    })
    if (owner.configChanged) {
      log.warn({ partition }, 'rules changed since the checkpoint: stored bars keep the old ones')
    }
    return PartitionWorker.open(partition, owner, endOffset, deps)
  }

  const markReady = async (partition: number, opening: Promise<PartitionWorker>): Promise<void> => {
    try {
      const worker = await opening
      if (workers.get(partition) === opening) ready.set(partition, worker)
    } catch (error) {
      context.fail(error)
    }
  }

  const reader: PartitionReader = {
    assigned(partitions) {
      for (const worker of ready.values()) worker.drop()
      ready.clear()
      workers = new Map(
        partitions.map((partition) => {
          const opening = acquire(partition)
          void markReady(partition, opening)
          return [partition, opening]
        })
      )
      log.info({ partitions }, 'partitions assigned')
    },
    async nextOffset(partition) {
      return (await workerOf(partition)).nextOffset
    },
    async take(batch) {
      await (await workerOf(batch.partition)).take(batch)
    },
    failed: (error) => context.fail(error)
  }
  const workerOf = (partition: number): Promise<PartitionWorker> => {
    const worker = workers.get(partition)
    if (worker !== undefined) return worker
    throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} is not assigned`)
  }

  const flushAll = async (): Promise<void> => {
    for (const [partition, worker] of ready) {
      metrics.lag.set({ partition }, worker.lag)
      metrics.barsInMemory.set({ partition }, worker.barsInMemory)
      if (worker.watermarkMs > 0) metrics.watermark.set({ partition }, worker.watermarkMs / 1000)
    }
    await Promise.all(
      [...ready.values()].map(async (worker) => {
        try {
          await worker.flush()
        } catch (error) {
          if (!hasCode(error, 'PARTITION_FENCED')) throw error
          log.warn(
            { err: error, partition: worker.partition },
            'partition lost to another consumer'
          )
          worker.drop()
          ready.delete(worker.partition)
        }
      })
    )
  }

  source = await openTradeSource(
    config.kafka,
    { groupId: config.groupId, clientId: 'tapedeck-consumer', log: kafkaLog },
    reader
  )
  const stopFlushing = repeat(config.flushIntervalMs, flushAll, (error) => context.fail(error))
  defer(async () => {
    // Reading stops first, then what was read is stored and the checkpoint written.
    const limit = setTimeout(() => giveUp.abort(), FINAL_FLUSH_MS)
    await source.close().catch((error: unknown) => log.warn({ err: error }, 'leaving failed'))
    await stopFlushing()
    await flushAll()
    clearTimeout(limit)
    giveUp.abort()
  })

  const { url: healthUrl } = await serveHealth(
    'consumer',
    context,
    async () => {
      await database.ping(2000)
      return ready.size === 0 ? ['no partition is assigned yet'] : []
    },
    { host: config.healthHost, port: config.healthPort }
  )
  log.info(
    { topic: config.kafka.topic, timeframes: config.fold.timeframes, policy: config.fold.policy },
    'consuming'
  )
  signal.throwIfAborted()
  return { healthUrl }
}

/** Runs `work` again `intervalMs` after it ended; the answer stops it and waits for its end. */
function repeat(
  intervalMs: number,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const schedule = (): void => {
    if (isStopped) return
    timer = setTimeout(() => {
      running = work().then(schedule, onFailure)
    }, intervalMs)
  }
  schedule()
  return async () => {
    isStopped = true
    clearTimeout(timer)
    await running
  }
}
