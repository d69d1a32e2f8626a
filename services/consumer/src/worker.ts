import { messageOf, TapedeckError, whileWaiting } from '@tapedeck/core'
import {
  closeBatch,
  PartitionFold,
  VendorIdDeduplicator,
  type BarStore,
  type GapRecord
} from '@tapedeck/domain'
import { recordHash, type RecordBatch } from '@tapedeck/kafka'
import {
  eachBarOfGap,
  loadBars,
  loadGaps,
  loadHead,
  loadTradesWithVendorId,
  loadOpenBars,
  type Acquired,
  type KnownRecord,
  type StoredGap
} from '@tapedeck/mongo'
import type { EndWatch, ReadPosition } from './end-watch.ts'
import { PartitionForecasts } from './forecasts.ts'
import { RecordIntake } from './intake.ts'
import { ProvisionalThrottle } from './provisional-throttle.ts'
import {
  all,
  batchDocuments,
  isEmpty,
  publishBars,
  publishFlush,
  writeCheckpoint,
  type ConsumerDeps
} from './publish.ts'
import { TradeWriter } from './trade-writer.ts'

export interface WorkerDeps extends ConsumerDeps {
  readonly ends: EndWatch
  /** Reports to the broker how far results are stored. */
  committed(partition: number, nextOffset: number): void
  /** The topic's id now; undefined when the broker has none. */
  topicId(): Promise<string | undefined>
  /** The hash of the record that a partition has at an offset; undefined when it is not known. */
  hashAt(partition: number, offset: number): Promise<string | undefined>
}

type IncomingRecord = RecordBatch['records'][number]

/** A flush begins before its interval when this many panes wait. */
const FLUSH_PANES = 2000
/** Records are folded in chunks of this size, with a heartbeat after each. */
const CHUNK = 500

/**
 * One partition under one epoch: folds its records, and flushes trades, forecasts, bars and, last, the
 * checkpoint. A flush is announced before its first document and committed after its last. The offsets
 * in the documents tell what an interrupted flush had written.
 */
export class PartitionWorker {
  readonly partition: number
  readonly #deps: WorkerDeps
  readonly #owner: Acquired
  readonly #fold: PartitionFold
  readonly #store: BarStore
  readonly #forecasts: PartitionForecasts
  readonly #trades: TradeWriter
  readonly #intake: RecordIntake
  readonly #throttle: ProvisionalThrottle
  readonly #refused: Map<number, string>
  #nextOffset: number
  #storedOffset: number
  #storedUntilMs: number
  #storedWatermarkMs: number
  #endOffset: number
  /** The last record that was read; undefined before the first. */
  #lastRecord: IncomingRecord | undefined
  /** Under which leader of the partition it was appended. */
  #leaderEpoch = -1
  /** The end of the log when the partition was acquired. */
  readonly #firstEndOffset: number
  /** On the monotonic clock: when the last record was read, and up to where idleness was counted. */
  #readAtMs = performance.now()
  #idleUntilMs = this.#readAtMs
  /** When the newest feed gap that was read was published, epoch ms. */
  #gapsMs: number
  /** Gaps that other partitions have read, and no owner of this one by the flush that was announced last. */
  #unreadGaps: readonly StoredGap[] = []
  /** The first flush is done, which repeats the one that the former owner announced last. */
  #hasRepeated = false
  #isReading = false
  #isDropped = false
  #isOtherLog = false
  #turn: Promise<void> = Promise.resolve()
  #behind: Promise<void> = Promise.resolve()

  private constructor(
    partition: number,
    owner: Acquired,
    endOffset: number,
    deps: WorkerDeps,
    refused: Map<number, string>
  ) {
    this.partition = partition
    this.#refused = refused
    this.#owner = owner
    this.#deps = deps
    this.#fold = new PartitionFold(deps.config.fold, owner.state, owner.storedUntilMs)
    this.#store = storedBars(deps, owner)
    this.#forecasts = new PartitionForecasts(deps, owner)
    this.#trades = new TradeWriter(deps)
    this.#throttle = new ProvisionalThrottle(deps.config.barsPublishMs)
    const { fold, trades } = { fold: this.#fold, trades: this.#trades }
    this.#intake = new RecordIntake(partition, owner, { fold, trades }, deps)
    this.#nextOffset = owner.nextOffset
    // The announced flush is complete: what is read from here on is late by its watermark.
    if (!this.#isRepeating) this.#fold.watermark.reach(owner.flushingWatermarkMs)
    this.#storedWatermarkMs = this.#fold.watermark.ms
    this.#storedOffset = owner.nextOffset
    this.#storedUntilMs = owner.storedUntilMs
    this.#gapsMs = owner.flushingGapsMs ?? -Infinity
    this.#endOffset = endOffset
    this.#firstEndOffset = endOffset
  }

  /**
   * Restores what must be in memory before the first record: gaps, open bars, recent vendor ids.
   * @param refused offsets of records that an earlier worker of this process failed on, with the reason
   */
  static async open(
    partition: number,
    owner: Acquired,
    endOffset: number,
    deps: WorkerDeps,
    refused: Map<number, string>
  ): Promise<PartitionWorker> {
    const worker = new PartitionWorker(partition, owner, endOffset, deps, refused)
    const { database } = deps
    const { bars, vendorIds, hasVendorIds, watermark } = worker.#fold
    worker.#adoptGaps(await loadGaps(database, owner.log))
    bars.adopt(await loadOpenBars(database, owner))
    if (hasVendorIds && watermark.ms > -Infinity) {
      const fromMs = VendorIdDeduplicator.rememberedFromMs(watermark.ms)
      for (const { _id, symbol, vendorId, tradedAt } of await loadTradesWithVendorId(
        database,
        fromMs
      )) {
        vendorIds.remember(symbol, vendorId, _id, tradedAt.getTime())
      }
    }
    return worker
  }

  /** The first flush is to know no more gaps than the announced one, which it may repeat. */
  #adoptGaps(stored: readonly StoredGap[]): void {
    const { flushingGapsMs: readMs = Infinity } = this.#owner
    const isRead = ({ publishedMs = -Infinity }: StoredGap): boolean => publishedMs <= readMs
    for (const gap of stored.filter(isRead)) this.#fold.gaps.add(gap)
    this.#unreadGaps = stored.filter((gap) => !isRead(gap))
  }

  #learnUnreadGaps(): void {
    for (const gap of this.#unreadGaps) {
      this.#fold.learnGap(gap)
      this.#gapsMs = Math.max(this.#gapsMs, gap.publishedMs ?? -Infinity)
    }
    this.#unreadGaps = []
  }

  get owner(): Acquired {
    return this.#owner
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  get lag(): number {
    const end = Math.max(this.#endOffset, this.#deps.ends.endOf(this.partition))
    return Math.max(0, end - this.#storedOffset)
  }

  get position(): ReadPosition {
    const { partition } = this
    return { partition, nextOffset: this.#nextOffset, readAtMs: this.#readAtMs }
  }

  get watermarkMs(): number {
    return this.#fold.watermark.ms
  }

  get barsInMemory(): number {
    return this.#fold.bars.size
  }

  /** Another log has taken the place of the one that this worker reads. */
  get isOtherLog(): boolean {
    return this.#isOtherLog
  }

  /** Why the results are incomplete; undefined when they are not. */
  get problem(): string | undefined {
    const { lost } = this.#owner
    if (lost === null || this.#storedOffset >= this.#firstEndOffset) return undefined
    return `partition ${this.partition} is read again from its start: ${lost.cause}`
  }

  /** What a person should know although the results are complete. */
  warnings(): string[] {
    return this.#intake.warnings()
  }

  /** Reading the records of a flush that was announced and perhaps interrupted: it must not be split. */
  get #isRepeating(): boolean {
    return this.#nextOffset < this.#owner.flushingTo
  }

  /** The partition belongs to another consumer: nothing more is written. */
  drop(): void {
    this.#isDropped = true
    this.#forecasts.drop()
  }

  /**
   * Reads a batch of records.
   * @throws PARTITION_FENCED when the worker was dropped; RECORD_FAILED when a record made a step throw:
   *   the next worker begins at the checkpoint and makes that record a dead letter
   */
  async read(batch: RecordBatch): Promise<void> {
    const heartbeat = (): Promise<void> => batch.heartbeat()
    this.#isReading = true
    const [first] = batch.records
    try {
      if (first !== undefined && first.leaderEpoch > this.#leaderEpoch) {
        await whileWaiting(this.#assertContinued(), heartbeat)
      }
      this.#intake.reportRemoved(first?.offset ?? this.#nextOffset, this.#nextOffset)
      for (let i = 0; i < batch.records.length; i += CHUNK) {
        if (batch.isStale()) return
        this.#assertOwned()
        for (const record of batch.records.slice(i, i + CHUNK)) {
          if (record.offset < this.#nextOffset) continue
          // The offset counts when the record was taken in, not before.
          this.#nextOffset = this.#take(record)
          this.#lastRecord = record
          this.#leaderEpoch = record.leaderEpoch
          // The announced flush ended here. The repeated one ends here too, so that each bar holds all
          // of it or nothing.
          if (this.#nextOffset === this.#owner.flushingTo)
            await whileWaiting(this.flush(), heartbeat)
        }
        await heartbeat()
        await this.#trades.room(heartbeat)
        const isFull = this.#fold.bars.paneCount >= FLUSH_PANES
        if (isFull && !this.#isRepeating) await this.#flushBehind(heartbeat)
      }
      this.#nextOffset = Math.max(this.#nextOffset, batch.nextOffset)
      this.#endOffset = batch.endOffset
    } finally {
      this.#isReading = false
      this.#readAtMs = performance.now()
    }
  }

  /** Takes one record in. Returns the offset after it. @throws RECORD_FAILED */
  #take({ offset, key, value, unreadable }: IncomingRecord): number {
    if (unreadable !== undefined) {
      this.#intake.readUnreadable(unreadable, this.#nextOffset)
      return unreadable.lastOffset + 1
    }
    const reason = this.#refused.get(offset)
    if (reason !== undefined) {
      this.#intake.refuse(offset, value, reason)
      return offset + 1
    }
    try {
      this.#intake.read(offset, key, value)
    } catch (cause) {
      // What the record did to the fold until then is unknown, so the fold must not be used again.
      const found = messageOf(cause)
      this.#refused.set(offset, `record fails: ${found}`)
      throw new TapedeckError(
        'RECORD_FAILED',
        `Cannot take in record ${offset} of partition ${this.partition}: ${found}`,
        { cause }
      )
    }
    return offset + 1
  }

  /** Writes the results of the records read so far, and the checkpoint. Flushes run one after another. */
  flush(isLast = false): Promise<void> {
    const flushed = this.#turn.then(() => this.#flush(isLast))
    this.#turn = flushed.catch(() => undefined) // reported to the caller
    return flushed
  }

  /** Compares the topic's id with that of the log it reads. @throws PARTITION_FENCED when they differ */
  assertSameLog(found: string | undefined): void {
    const { topicId } = this.#owner
    if (topicId === undefined || found === topicId) return
    this.#isOtherLog = true
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot store what was read of partition ${this.partition}: found topic ${found ?? 'without an id'}, expected ${topicId}`
    )
  }

  /**
   * Stores what was read of a log that lost its end, and ends this worker.
   * @throws PARTITION_FENCED always
   */
  async leaveLog(found: string): Promise<never> {
    // All of it was read before the loss.
    await this.flush()
    this.#isOtherLog = true
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot read partition ${this.partition} on: it lost records at its end, found ${found}`
    )
  }

  /**
   * Asks whether the log still holds the record that was read last. What stands in the place of lost records was
   * appended under a later leader, so that it is enough to ask at the first record of each leader.
   * @throws PARTITION_FENCED when it does not
   */
  async #assertContinued(): Promise<void> {
    const last = this.#knownRecord
    if (last === undefined) return
    const hash = await this.#deps.retry(() => this.#deps.hashAt(this.partition, last.offset))
    if (hash === undefined || hash === last.hash) return
    await this.leaveLog(`another record at offset ${last.offset}`)
  }

  /** The last record that was read, by this worker or by the owner before. */
  get #knownRecord(): KnownRecord | undefined {
    const record = this.#lastRecord
    if (record !== undefined) return { offset: record.offset, hash: recordHash(record) }
    const { lastRecord, flushingTo } = this.#owner
    return this.#nextOffset >= flushingTo ? lastRecord : undefined
  }

  /** Starts a flush while reading continues, after the previous one has ended. */
  async #flushBehind(tick: () => Promise<void>): Promise<void> {
    await whileWaiting(this.#behind, tick)
    this.#behind = this.flush()
    this.#behind.catch(() => undefined) // thrown by the next await above
  }

  /** The time since the last call in which the partition was idle, ms. */
  #drainIdle(): number {
    if (this.#isReading) return 0
    const { idleMs, untilMs } = this.#deps.ends.idleSince(this.position, this.#idleUntilMs)
    this.#idleUntilMs = untilMs
    return idleMs
  }

  /** To skip records would lose them: after a loss the partition must be acquired again. */
  #assertOwned(): void {
    if (!this.#isDropped) return
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot read on: another consumer took partition ${this.partition} over`
    )
  }

  async #flush(isLast: boolean): Promise<void> {
    if (this.#isDropped || this.#isRepeating) return
    const { config, metrics } = this.#deps
    const owner = this.#owner
    const endTimer = metrics.flushSeconds.startTimer()
    const side = this.#intake.drain()
    const lastRecord = this.#knownRecord
    const closed = await closeBatch(this.#fold, this.#store, [this.#forecasts], {
      nextOffset: this.#nextOffset,
      now: Date.now,
      idleMs: this.#drainIdle(),
      announcedWatermarkMs: this.#hasRepeated ? undefined : owner.flushingWatermarkMs
    })
    this.#hasRepeated = true
    const gapsMs = newestOf(side.gaps, this.#gapsMs)
    this.#gapsMs = gapsMs
    this.#learnUnreadGaps()
    const { nextOffset, watermarkMs, bars } = closed
    const scores = await this.#forecasts.dueScores(closed, isLast)
    const documents = batchDocuments(closed, scores, owner, config.fold.policy)
    for (const { startMs } of [...bars.fresh, ...bars.changed]) {
      this.#storedUntilMs = Math.max(this.#storedUntilMs, startMs)
    }
    const isMoved = nextOffset > this.#storedOffset
    const published = this.#throttle.pass(all(documents.bars), isLast ? Infinity : Date.now())
    if (!isMoved && isEmpty(documents)) {
      await publishBars(this.#deps, published)
      // A watermark that the clock alone moved decides which trades are late, also after a restart.
      if (watermarkMs <= this.#storedWatermarkMs) return
      await writeCheckpoint(this.#deps, owner, { ...closed, documents, lost: side.lost })
      this.#storedWatermarkMs = watermarkMs
      return
    }
    // Asked after the batch was fetched: an id never returns, so an equal one shows that all of its records
    // are of this log.
    if (isMoved) this.assertSameLog(await this.#deps.retry(() => this.#deps.topicId()))
    const storedUntilMs = this.#storedUntilMs
    const trades = this.#trades
    const flush = {
      ...closed,
      lastRecord,
      documents,
      published,
      side,
      storedUntilMs,
      gapsMs,
      trades
    }
    await publishFlush(this.#deps, owner, flush)
    this.#storedOffset = nextOffset
    this.#storedWatermarkMs = watermarkMs
    if (isMoved) this.#deps.committed(this.partition, nextOffset)
    for (const [code, count] of this.#fold.drainUnknownCodes()) {
      metrics.unknownConditions.inc({ code }, count)
    }
    endTimer()
  }
}

/** When the newest of these gaps was published on all partitions, or `knownMs`; epoch ms. */
function newestOf(gaps: readonly GapRecord[], knownMs: number): number {
  return gaps.reduce((ms, { at, log }) => (log === undefined ? Math.max(ms, at) : ms), knownMs)
}

/** The stored bars of a partition, read as often as it takes. */
function storedBars({ database, config, retry }: WorkerDeps, owner: Acquired): BarStore {
  const { timeframes } = config.fold
  return {
    readBars: (ids) => retry(() => loadBars(database, owner, ids)),
    eachBarOfGap: (gap, visit) =>
      retry(() => eachBarOfGap(database, owner, timeframes, gap, visit)),
    readHeads: (requests) =>
      retry(() => Promise.all(requests.map((request) => loadHead(database, owner, request))))
  }
}
