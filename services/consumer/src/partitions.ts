import {
  hasCode,
  TapedeckError,
  whileWaiting,
  type Clock,
  type LocatedProcess
} from '@tapedeck/core'
import {
  partitionEnds,
  readPlacement,
  type PartitionReader,
  type RecordBatch
} from '@tapedeck/kafka'
import { acquirePartition, keepPartition, rulesHash } from '@tapedeck/mongo'
import type { ReadPosition } from './end-watch.ts'
import { PartitionWorker, type WorkerDeps } from './worker.ts'

export interface PartitionsDeps extends WorkerDeps {
  readonly clock: Clock
  readonly clusterId: string
  /** This process; its name in the group is given by the assignment. */
  readonly process: LocatedProcess
  fail(error: unknown): void
  /** Reads on at the position of a partition that was acquired again. */
  reseek(partition: number): void
}

/**
 * A member that lost a partition without a new assignment waits this long before it acquires it again:
 * longer than two heartbeats, which would tell it that the group gave the partition to another member.
 */
const REGAIN_MS = 3500

/**
 * The partitions of this member of the group, each with a worker under its own epoch.
 *
 * A partition that an assignment leaves to this member is read on with its state in memory. The checkpoint
 * says whether another member had it in between, of which kafkajs does not tell: then it is acquired again.
 * Until that is known the epoch guards every write. Acquisitions of one partition run one after another, so
 * that the newest has the highest epoch.
 */
export class Partitions implements PartitionReader {
  readonly #deps: PartitionsDeps
  #memberId = ''
  /** Every assigned partition, also those that are still opening. */
  readonly #opening = new Map<number, Promise<PartitionWorker>>()
  readonly #open = new Map<number, PartitionWorker>()
  /** The last acquisition of each partition, assigned now or before. */
  readonly #tails = new Map<number, Promise<unknown>>()
  /** Of each partition: offsets of records that made a step throw, with the reason. */
  readonly #refused = new Map<number, Map<number, string>>()

  constructor(deps: PartitionsDeps) {
    this.#deps = deps
  }

  /** Partitions that are ready to be read. */
  get count(): number {
    return this.#open.size
  }

  /** Why the results are incomplete, in words; none when they are not. */
  problems(): string[] {
    return [...this.#open.values()].flatMap(({ problem }) => problem ?? [])
  }

  /** What a person should know although the results are complete, in sentences. */
  warnings(): string[] {
    return [...this.#open.values()].flatMap((worker) => worker.warnings())
  }

  /** How far each of them was read. */
  get positions(): ReadPosition[] {
    return [...this.#open.values()].map(({ position }) => position)
  }

  assigned(partitions: readonly number[], memberId: string): void {
    this.#memberId = memberId
    for (const [partition, worker] of this.#open) {
      if (partitions.includes(partition)) continue
      worker.drop()
      this.#forget(partition)
    }
    for (const partition of this.#opening.keys()) {
      if (!this.#open.has(partition)) this.#opening.delete(partition)
    }
    for (const partition of partitions) {
      const worker = this.#open.get(partition)
      if (worker === undefined) void this.#start(partition, 0)
      else void this.#keep(worker)
    }
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
      const isFailed = hasCode(error, 'RECORD_FAILED')
      if (!isFailed && !hasCode(error, 'PARTITION_FENCED')) throw error
      this.#regain(worker, error)
      // If this is still a member, the group delivers the same records to the next worker.
      await whileWaiting(this.#worker(partition), () => batch.heartbeat())
      if (!isFailed) throw error
      const message = `Partition ${partition} is read again from its checkpoint`
      throw new TapedeckError('PARTITION_FENCED', message, { cause: error })
    }
  }

  failed(error: TapedeckError): void {
    this.#deps.fail(error)
  }

  /** Flushes every partition. One that another consumer took over is dropped and acquired again. */
  async flush(isLast = false): Promise<void> {
    await Promise.all(
      [...this.#open.values()].map(async (worker) => {
        try {
          await worker.flush(isLast)
        } catch (error) {
          if (!hasCode(error, 'PARTITION_FENCED')) throw error
          this.#regain(worker, error)
        }
      })
    )
  }

  /** Notices another log also where no new record is read. A look that fails is left to the next one. */
  async lookAtLog(): Promise<void> {
    const { ends, log, topicId } = this.#deps
    const before = [...this.#open.values()].map((worker) => [worker, worker.nextOffset] as const)
    const isAnswered = await ends.look()
    // Here and not with a flush, which waits for the database: the lag grows while it is away.
    for (const worker of this.#open.values()) this.#measure(worker)
    try {
      const found = await topicId()
      for (const [worker, nextOffset] of before) {
        try {
          worker.assertSameLog(found)
          const isShorter = isAnswered && ends.endsBefore(worker.partition, nextOffset)
          if (isShorter) await worker.leaveLog(`its end before offset ${nextOffset}`)
        } catch (error) {
          if (!hasCode(error, 'PARTITION_FENCED')) throw error
          this.#regain(worker, error)
        }
      }
    } catch (error) {
      log.debug({ err: error }, 'the log was not looked at')
    }
  }

  #worker(partition: number): Promise<PartitionWorker> {
    const worker = this.#opening.get(partition)
    if (worker !== undefined) return worker
    throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} is not assigned`)
  }

  /** Reads a partition on that the group left to this member, unless another one had it in between. */
  async #keep(worker: PartitionWorker): Promise<void> {
    const { database, retry, signal, fail } = this.#deps
    const { partition, owner } = worker
    const me = { ...this.#deps.process, memberId: this.#memberId }
    try {
      if (await retry(() => keepPartition(database, owner, me))) return
      this.#regain(
        worker,
        new TapedeckError('PARTITION_FENCED', `Partition ${partition} was lost`),
        0
      )
    } catch (error) {
      if (!signal.aborted) fail(error)
    }
  }

  /**
   * Another consumer raised the epoch, another log took the place, or a record failed. If the group still
   * assigns the partition to this member, it acquires it again.
   */
  #regain(worker: PartitionWorker, error: unknown, waitMs = REGAIN_MS): void {
    const { partition } = worker
    worker.drop()
    if (this.#open.get(partition) !== worker) return
    this.#forget(partition)
    const { log, reseek } = this.#deps
    const isFailed = hasCode(error, 'RECORD_FAILED')
    if (isFailed) log.error({ err: error, partition }, 'a record failed and becomes a dead letter')
    else {
      if (worker.isOtherLog) this.#refused.delete(partition)
      const reason = worker.isOtherLog ? 'the log is another one' : 'another consumer has it'
      log.warn({ err: error, partition, reason }, 'partition lost')
    }
    const opening = this.#start(partition, isFailed || worker.isOtherLog ? 0 : waitMs)
    void opening.then(
      () => reseek(partition),
      () => undefined // reported where it was started
    )
  }

  #start(partition: number, waitMs: number): Promise<PartitionWorker> {
    const { clock, signal, fail } = this.#deps
    const former = this.#tails.get(partition) ?? Promise.resolve()
    const isCurrent = (): boolean => this.#opening.get(partition) === opening
    const opening = former
      .catch(() => undefined) // reported where it was started
      .then(async () => {
        if (waitMs > 0) await clock.delay(waitMs, signal)
        return this.#acquire(partition, isCurrent)
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
    return opening
  }

  /** @param isCurrent whether the partition is still to be acquired: to raise its epoch would fence its owner */
  #acquire(partition: number, isCurrent: () => boolean): Promise<PartitionWorker> {
    const { config, database, log, clusterId, retry } = this.#deps
    const assertCurrent = (): void => {
      if (isCurrent()) return
      throw new TapedeckError('PARTITION_FENCED', `Partition ${partition} was assigned again`)
    }
    return retry(async () => {
      // A broker that was away may have kept a try back until the group gave the partition to another member.
      assertCurrent()
      const ends = await partitionEnds(config.kafka)
      const endOffset = ends.get(partition) ?? 0
      const placement = await readPlacement(config.kafka)
      if (partition >= placement) {
        log.warn(
          { partition, placement },
          'no symbol belongs to this partition: see docs/operations.md'
        )
      }
      assertCurrent()
      const owner = await acquirePartition(database, {
        log: `${config.kafka.topic}/${partition}`,
        owner: { ...this.#deps.process, memberId: this.#memberId },
        clusterId,
        configHash: rulesHash(config),
        placement,
        topicId: () => this.#deps.topicId(),
        endOffset,
        lookAtEnd: async () => (await partitionEnds(config.kafka)).get(partition) ?? 0,
        hashAt: (offset) => this.#deps.hashAt(partition, offset)
      })
      if (owner.lost !== null) log.error({ partition, cause: owner.lost.cause }, 'another log')
      if (owner.configChanged) {
        log.warn(
          { partition },
          'the rules changed since the checkpoint: stored bars keep the old ones'
        )
      }
      const refused = this.#refused.get(partition) ?? new Map<number, string>()
      this.#refused.set(partition, refused)
      return PartitionWorker.open(partition, owner, endOffset, this.#deps, refused)
    })
  }

  /** The partition is no longer this member's, or not now: what was measured of it is not true any more. */
  #forget(partition: number): void {
    const { lag, barsInMemory, checkpoint, watermark } = this.#deps.metrics
    this.#open.delete(partition)
    for (const gauge of [lag, barsInMemory, checkpoint, watermark]) gauge.remove({ partition })
  }

  #measure({ partition, lag, barsInMemory, watermarkMs }: PartitionWorker): void {
    const { metrics } = this.#deps
    metrics.lag.set({ partition }, lag)
    metrics.barsInMemory.set({ partition }, barsInMemory)
    if (watermarkMs > 0) metrics.watermark.set({ partition }, watermarkMs / 1000)
  }
}
