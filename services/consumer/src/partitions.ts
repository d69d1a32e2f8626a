import { hasCode, TapedeckError, whileWaiting, type Clock } from '@tapedeck/core'
import { partitionEnds, type PartitionReader, type RecordBatch } from '@tapedeck/kafka'
import { acquirePartition, rulesHash, type PartitionOwner } from '@tapedeck/mongo'
import { PartitionWorker, type WorkerDeps } from './worker.ts'

export interface PartitionsDeps extends WorkerDeps {
  readonly clock: Clock
  readonly clusterId: string
  /** This process; its name in the group is given by the assignment. */
  readonly process: Omit<PartitionOwner, 'memberId'>
  fail(error: unknown): void
}

/**
 * A member that lost a partition without a new assignment waits this long before it acquires it again:
 * longer than two heartbeats, which would tell it that the group gave the partition to another member.
 */
const REGAIN_MS = 3500

/**
 * The partitions of this member of the group, each with a worker under its own epoch.
 *
 * Every assignment acquires all partitions again, because kafkajs does not say before it takes a
 * partition away, and another epoch costs nothing. Acquisitions of one partition run one after another,
 * so that the newest has the highest epoch.
 */
export class Partitions implements PartitionReader {
  readonly #deps: PartitionsDeps
  #memberId = ''
  /** Every assigned partition, also those that are still opening. */
  #opening = new Map<number, Promise<PartitionWorker>>()
  readonly #open = new Map<number, PartitionWorker>()
  /** The last acquisition of each partition, assigned now or before. */
  readonly #tails = new Map<number, Promise<unknown>>()

  constructor(deps: PartitionsDeps) {
    this.#deps = deps
  }

  /** Partitions that are ready to be read. */
  get count(): number {
    return this.#open.size
  }

  assigned(partitions: readonly number[], memberId: string): void {
    for (const worker of this.#open.values()) worker.drop()
    this.#open.clear()
    this.#opening = new Map()
    this.#memberId = memberId
    for (const partition of partitions) this.#start(partition, 0)
    this.#deps.log.info({ partitions }, 'partitions assigned')
  }

  async nextOffset(partition: number): Promise<number> {
    return (await this.#worker(partition)).nextOffset
  }

  async read(batch: RecordBatch): Promise<void> {
    const { partition } = batch
    const worker = await whileWaiting(this.#worker(partition), () => batch.heartbeat())
    try {
      await worker.read(batch)
    } catch (error) {
      if (!hasCode(error, 'PARTITION_FENCED')) throw error
      this.#regain(worker, error)
      // If this is still a member, the group delivers the same records to the next worker.
      await whileWaiting(this.#worker(partition), () => batch.heartbeat())
      throw error
    }
  }

  failed(error: TapedeckError): void {
    this.#deps.fail(error)
  }

  /** Flushes every partition. One that another consumer took over is dropped and acquired again. */
  async flush(isLast = false): Promise<void> {
    await Promise.all(
      [...this.#open.values()].map(async (worker) => {
        this.#measure(worker)
        try {
          await worker.flush(isLast)
        } catch (error) {
          if (!hasCode(error, 'PARTITION_FENCED')) throw error
          this.#regain(worker, error)
        }
      })
    )
  }

  #worker(partition: number): Promise<PartitionWorker> {
    const worker = this.#opening.get(partition)
    if (worker !== undefined) return worker
    throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} is not assigned`)
  }

  /** Another consumer raised the epoch. If the group still assigns the partition to this member, it does too. */
  #regain(worker: PartitionWorker, error: unknown): void {
    const { partition } = worker
    worker.drop()
    if (this.#open.get(partition) !== worker) return
    this.#open.delete(partition)
    this.#deps.log.warn({ err: error, partition }, 'partition lost to another consumer')
    this.#start(partition, REGAIN_MS)
  }

  #start(partition: number, waitMs: number): void {
    const { clock, signal, fail } = this.#deps
    const former = this.#tails.get(partition) ?? Promise.resolve()
    const isCurrent = (): boolean => this.#opening.get(partition) === opening
    const opening = former
      .catch(() => undefined) // reported where it was started
      .then(async () => {
        if (waitMs > 0) await clock.delay(waitMs, signal)
        if (isCurrent()) return this.#acquire(partition)
        throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} was assigned again`)
      })
    this.#opening.set(partition, opening)
    this.#tails.set(partition, opening)
    const whenOpen = async (): Promise<void> => {
      try {
        const worker = await opening
        if (isCurrent()) this.#open.set(partition, worker)
        else worker.drop()
      } catch (error) {
        if (isCurrent() && !signal.aborted) fail(error)
      }
    }
    void whenOpen()
  }

  #acquire(partition: number): Promise<PartitionWorker> {
    const { config, database, log, clusterId, retry } = this.#deps
    return retry(async () => {
      const lookAtEnd = async (): Promise<number> =>
        (await partitionEnds(config.kafka)).get(partition) ?? 0
      const endOffset = await lookAtEnd()
      const owner = await acquirePartition(database, {
        log: `${config.kafka.topic}/${partition}`,
        owner: { ...this.#deps.process, memberId: this.#memberId },
        clusterId,
        configHash: rulesHash(config),
        endOffset,
        lookAtEnd
      })
      if (owner.configChanged) {
        log.warn(
          { partition },
          'the rules changed since the checkpoint: stored bars keep the old ones'
        )
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
