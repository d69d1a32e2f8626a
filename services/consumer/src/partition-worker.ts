import { TapedeckError, whileWaiting } from '@tapedeck/core'
import { PartitionFold, type Bar, type KnownGap } from '@tapedeck/domain'
import type { RecordBatch } from '@tapedeck/kafka'
import { insertTrades, type Acquired } from '@tapedeck/mongo'
import { FoldStore } from './fold-store.ts'
import { forecastWritesOf, isEmpty, type ForecastWrites } from './forecast-writes.ts'
import { Forecaster } from './forecaster.ts'
import { RecordIntake } from './record-intake.ts'
import {
  retriedWrite,
  writeCheckpoint,
  writeResults,
  type Results,
  type WriterDeps
} from './result-writer.ts'
import type { SideResults } from './side-results.ts'
import { TradeWriter } from './trade-writer.ts'

export interface WorkerDeps extends WriterDeps {
  /** Tells the broker how far results are stored. */
  committed(partition: number, nextOffset: number): void
}

/** Panes waiting at which a flush begins without waiting for the interval. */
const FLUSH_PANES = 2000
/** Records are folded this many at a time between heartbeats. */
const CHUNK = 500

/** The state of the fold at one offset, and what was taken in up to there. */
type Sealed = SideResults &
  Pick<Results, 'nextOffset' | 'state' | 'watermarkMs'> & {
    readonly gapsToCover: readonly KnownGap[]
  }

/**
 * One partition under one epoch: folds its records and flushes trades, forecasts, bars and, last,
 * the checkpoint. A flush is announced before its first document and committed after its last; what
 * a crash leaves in between is recognised by the offsets in the documents.
 */
export class PartitionWorker {
  readonly partition: number
  readonly #deps: WorkerDeps
  readonly #owner: Acquired
  readonly #fold: PartitionFold
  readonly #store: FoldStore
  readonly #forecaster: Forecaster
  readonly #trades: TradeWriter
  readonly #intake: RecordIntake
  #nextOffset: number
  #storedOffset: number
  #storedUntilMs: number
  #storedWatermarkMs: number
  #endOffset: number
  /** The flush that the former owner announced and perhaps did not finish is made again. */
  #hasRepeated: boolean
  #isTaking = false
  #isDropped = false
  #turn: Promise<void> = Promise.resolve()
  #behind: Promise<void> = Promise.resolve()

  private constructor(partition: number, owner: Acquired, deps: WorkerDeps) {
    this.partition = partition
    this.#owner = owner
    this.#deps = deps
    this.#fold = new PartitionFold(deps.config.fold, owner.state, owner.storedUntilMs)
    this.#store = new FoldStore(deps, owner, this.#fold)
    this.#forecaster = new Forecaster(deps, owner, this.#fold)
    this.#trades = new TradeWriter((documents) => this.#insert(documents))
    this.#intake = new RecordIntake(
      partition,
      owner,
      { fold: this.#fold, trades: this.#trades },
      deps
    )
    this.#hasRepeated = owner.flushingTo <= owner.nextOffset
    if (this.#hasRepeated) this.#fold.watermark.reach(owner.flushingWatermarkMs)
    this.#storedWatermarkMs = this.#fold.watermark.ms
    this.#nextOffset = owner.nextOffset
    this.#storedOffset = owner.nextOffset
    this.#storedUntilMs = owner.storedUntilMs
    this.#endOffset = owner.nextOffset
  }

  /** Loads what is open and is then ready to read from `nextOffset`. */
  static async open(
    partition: number,
    owner: Acquired,
    endOffset: number,
    deps: WorkerDeps
  ): Promise<PartitionWorker> {
    const worker = new PartitionWorker(partition, owner, deps)
    worker.#endOffset = endOffset
    await worker.#store.restore()
    if (worker.#hasRepeated) await worker.#forecaster.restore()
    return worker
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  get lag(): number {
    return Math.max(0, this.#endOffset - this.#storedOffset)
  }

  get watermarkMs(): number {
    return this.#fold.watermark.ms
  }

  get barsInMemory(): number {
    return this.#fold.bars.size
  }

  /** Within the records of a flush that was announced and perhaps not finished. */
  get #isRepeating(): boolean {
    return this.#nextOffset < this.#owner.flushingTo && this.#nextOffset > this.#owner.nextOffset
  }

  /** The partition belongs to somebody else now: nothing more is written. */
  drop(): void {
    this.#isDropped = true
    this.#forecaster.drop()
  }

  async take(batch: RecordBatch): Promise<void> {
    const beat = (): Promise<void> => batch.heartbeat()
    this.#isTaking = true
    this.#intake.notice(batch.records[0]?.offset ?? this.#nextOffset, this.#nextOffset)
    try {
      for (let i = 0; i < batch.records.length; i += CHUNK) {
        if (batch.isStale()) return
        this.#assertOwned()
        for (const { offset, key, value } of batch.records.slice(i, i + CHUNK)) {
          if (offset < this.#nextOffset) continue
          this.#nextOffset = offset + 1
          this.#intake.take(offset, key, value)
          // Here the flush ended that a crash may have cut off: ours ends here too, so that each bar
          // holds all of it or nothing.
          if (offset + 1 === this.#owner.flushingTo) await whileWaiting(this.flush(), beat)
        }
        await beat()
        await this.#trades.room(beat)
        const isFull = this.#fold.bars.paneCount >= FLUSH_PANES
        if (isFull && !this.#isRepeating) await this.#flushBehind(beat)
      }
      this.#nextOffset = Math.max(this.#nextOffset, batch.nextOffset)
      this.#endOffset = batch.endOffset
    } finally {
      this.#isTaking = false
    }
  }

  /** Writes what was read so far, and the checkpoint. */
  flush(isLast = false): Promise<void> {
    return this.#inTurn(() => this.#flush(isLast))
  }

  /** Flushes while reading goes on; waits first for the flush before, so that one is ahead at most. */
  async #flushBehind(tick: () => Promise<void>): Promise<void> {
    await whileWaiting(this.#behind, tick)
    this.#behind = this.flush()
    this.#behind.catch(() => undefined) // thrown by the next await above
  }

  /** Whatever moves panes into bars runs one after another. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(work)
    this.#turn = next.catch(() => undefined) // reported to its caller; the next one tries again
    return next
  }

  /** Skipping records would lose them: after a loss the partition must be acquired again. */
  #assertOwned(): void {
    if (!this.#isDropped) return
    throw new TapedeckError(
      'PARTITION_FENCED',
      `Cannot read on: partition ${this.partition} was taken over by another consumer`
    )
  }

  async #insert(documents: Parameters<typeof insertTrades>[1]): Promise<void> {
    const { database, metrics } = this.#deps
    const present = await retriedWrite(this.#deps, () => insertTrades(database, documents))
    metrics.tradesStored.inc(documents.length - present)
    metrics.tradesPresent.inc(present)
  }

  async #flush(isLast: boolean): Promise<void> {
    if (this.#isDropped || this.#isRepeating) return
    const { metrics } = this.#deps
    const endTimer = metrics.flushSeconds.startTimer()
    const sealed = this.#seal()
    await this.#store.mergeBatch()
    await this.#store.cover(sealed.gapsToCover)
    if (!this.#hasRepeated && sealed.nextOffset >= this.#owner.flushingTo) {
      await this.#forecaster.restore()
      this.#hasRepeated = true
    }
    const finals = this.#fold.bars.finalise(sealed.watermarkMs)
    const drained = this.#fold.bars.drainChanged(sealed.watermarkMs)
    const bars = [...drained.fresh, ...drained.changed]
    const activity = this.#fold.activity.drainChanged()
    for (const { startMs } of bars) this.#storedUntilMs = Math.max(this.#storedUntilMs, startMs)
    const forecasts = await this.#forecast(finals, bars, sealed, isLast)
    const isMoved = sealed.nextOffset > this.#storedOffset
    if (!isMoved && bars.length === 0 && isEmpty(forecasts)) {
      // The clock alone moved it: a trade that comes now is late by it, also for a successor.
      if (sealed.watermarkMs <= this.#storedWatermarkMs) return
      await writeCheckpoint(this.#deps, this.#owner, { ...sealed, forecasts })
      this.#storedWatermarkMs = sealed.watermarkMs
      return
    }
    await writeResults(this.#deps, this.#owner, {
      ...sealed,
      bars: drained,
      activity,
      forecasts,
      trades: this.#trades,
      storedUntilMs: this.#storedUntilMs
    })
    this.#storedOffset = sealed.nextOffset
    this.#storedWatermarkMs = sealed.watermarkMs
    if (isMoved) this.#deps.committed(this.partition, sealed.nextOffset)
    for (const [code, count] of this.#fold.drainUnknownCodes()) {
      metrics.unknownConditions.inc({ code }, count)
    }
    endTimer()
  }

  #seal(): Sealed {
    if (!this.#hasRepeated && this.#nextOffset >= this.#owner.flushingTo) {
      this.#fold.watermark.reach(this.#owner.flushingWatermarkMs)
    }
    // Only a partition that is read to its end may move on by the clock alone.
    if (!this.#isTaking && this.#nextOffset >= this.#endOffset) {
      this.#fold.watermark.idle(Date.now())
    }
    this.#fold.bars.closeBatch()
    this.#fold.activity.closeBatch()
    return {
      ...this.#intake.drain(),
      gapsToCover: this.#fold.drainGaps(),
      nextOffset: this.#nextOffset,
      watermarkMs: this.#fold.watermark.ms,
      state: this.#fold.toState()
    }
  }

  async #forecast(
    finals: readonly Bar[],
    changed: readonly Bar[],
    { watermarkMs, nextOffset }: Sealed,
    isLast: boolean
  ): Promise<ForecastWrites> {
    const result = await this.#forecaster.forecast(finals, changed, watermarkMs, nextOffset)
    const scores = this.#forecaster.takeUnscored(isLast)
    return forecastWritesOf(result, scores, this.#owner, nextOffset)
  }
}
