import { hasCode, TapedeckError } from '@tapedeck/core'
import { partitionEnds, type PartitionReader, type RecordBatch } from '@tapedeck/kafka'
import { acquirePartition } from '@tapedeck/mongo'
import { configHash } from './config.ts'
import { PartitionWorker, type WorkerDeps } from './partition-worker.ts'
import { retriedWrite } from './result-writer.ts'

/**
 * The partitions of this member of the group, each with a worker under an epoch of its own.
 *
 * With every assignment all partitions are acquired anew: kafkajs does not say before a partition is
 * taken away, and an epoch more costs nothing.
 */
export class Partitions implements PartitionReader {
  readonly #clusterId: string
  readonly #fail: (error: unknown) => void
  readonly #deps: WorkerDeps
  /** Every assigned partition, perhaps still opening. */
  #opening = new Map<number, Promise<PartitionWorker>>()
  readonly #open = new Map<number, PartitionWorker>()

  constructor(clusterId: string, fail: (error: unknown) => void, deps: WorkerDeps) {
    this.#clusterId = clusterId
    this.#fail = fail
    this.#deps = deps
  }

  /** Partitions that are ready to be read. */
  get count(): number {
    return this.#open.size
  }

  assigned(partitions: readonly number[]): void {
    for (const worker of this.#open.values()) worker.drop()
    this.#open.clear()
    this.#opening = new Map(partitions.map((partition) => [partition, this.#acquire(partition)]))
    for (const [partition, opening] of this.#opening) void this.#whenOpen(partition, opening)
    this.#deps.log.info({ partitions }, 'partitions assigned')
  }

  async nextOffset(partition: number): Promise<number> {
    return (await this.#worker(partition)).nextOffset
  }

  async take(batch: RecordBatch): Promise<void> {
    await (await this.#worker(batch.partition)).take(batch)
  }

  failed(error: TapedeckError): void {
    this.#fail(error)
  }

  /** Flushes every partition. One that another consumer took over is dropped. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.#open.values()].map(async (worker) => {
        this.#measure(worker)
        try {
          await worker.flush()
        } catch (error) {
          if (!hasCode(error, 'PARTITION_FENCED')) throw error
          const { partition } = worker
          this.#deps.log.warn({ err: error, partition }, 'partition lost to another consumer')
          worker.drop()
          if (this.#open.get(partition) === worker) this.#open.delete(partition)
        }
      })
    )
  }

  #worker(partition: number): Promise<PartitionWorker> {
    const worker = this.#opening.get(partition)
    if (worker !== undefined) return worker
    throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} is not assigned`)
  }

  async #whenOpen(partition: number, opening: Promise<PartitionWorker>): Promise<void> {
    try {
      const worker = await opening
      if (this.#opening.get(partition) === opening) this.#open.set(partition, worker)
    } catch (error) {
      this.#fail(error)
    }
  }

  #acquire(partition: number): Promise<PartitionWorker> {
    return retriedWrite(this.#deps, async () => {
      const { config, database, log } = this.#deps
      const lookAtEnd = async (): Promise<number> =>
        (await partitionEnds(config.kafka)).get(partition) ?? 0
      const endOffset = await lookAtEnd()
      const owner = await acquirePartition(database, {
        log: `${config.kafka.topic}/${partition}`,
        owner: String(process.pid),
        clusterId: this.#clusterId,
        configHash: configHash(config),
        endOffset,
        lookAtEnd
      })
      if (owner.configChanged) {
        log.warn({ partition }, 'rules changed since the checkpoint: stored bars keep the old ones')
      }
      return PartitionWorker.open(partition, owner, endOffset, this.#deps)
    })
  }

  #measure({ partition, lag, barsInMemory, watermarkMs }: PartitionWorker): void {
    const { metrics } = this.#deps
    metrics.lag.set({ partition }, lag)
    metrics.barsInMemory.set({ partition }, barsInMemory)
    if (watermarkMs > 0) metrics.watermark.set({ partition }, watermarkMs / 1000)
  }
}
