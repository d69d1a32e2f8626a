import {
  decodeRecord,
  type GapRecord,
  type PartitionFold,
  type TradeRecord
} from '@tapedeck/domain'
import { tradeDocument, type Acquired } from '@tapedeck/mongo'
import type { WriterDeps } from './result-writer.ts'
import { SideCollector, type SideResults } from './side-results.ts'
import type { TradeWriter } from './trade-writer.ts'

/** Reads the records of one partition into its fold: trades, feed gaps, and what does not fit. */
export class RecordIntake {
  readonly #deps: WriterDeps
  readonly #partition: number
  readonly #log: string
  readonly #fold: PartitionFold
  readonly #trades: TradeWriter
  readonly #side = new SideCollector()
  /** First offset that is gone from the topic, until the next record says since when. */
  #goneFrom: number | undefined

  constructor(
    partition: number,
    { log }: Pick<Acquired, 'log'>,
    { fold, trades }: { readonly fold: PartitionFold; readonly trades: TradeWriter },
    deps: WriterDeps
  ) {
    this.#partition = partition
    this.#log = log
    this.#fold = fold
    this.#trades = trades
    this.#deps = deps
  }

  /** Retention may have removed records that were never read: said aloud, never skipped in silence. */
  notice(firstOffset: number, nextOffset: number): void {
    if (firstOffset <= nextOffset) return
    this.#goneFrom = nextOffset
    this.#deps.metrics.recordsMissing.inc(firstOffset - nextOffset)
    this.#deps.log.error(
      { partition: this.#partition, from: nextOffset, to: firstOffset },
      'records are gone from the topic before they were read'
    )
  }

  /** Takes one record in; one that does not fit is kept aside and stops nothing. */
  take(offset: number, key: Buffer | null, value: Buffer | null): void {
    const { metrics } = this.#deps
    metrics.recordsRead.inc()
    const { record, gap, problem } = decodeRecord(key, value)
    if (gap !== undefined) {
      metrics.gapsRead.inc()
      this.#takeGap(gap)
    } else if (record === undefined) this.#putAside(problem, offset, value)
    else this.#takeTrades(record, offset)
  }

  /** What was read beside trades and gaps since the last call. */
  drain(): SideResults {
    return this.#side.take()
  }

  #putAside(reason: string, offset: number, value: Buffer | null): void {
    this.#deps.metrics.recordsDead.inc({ reason: reason.split(':')[0] ?? reason })
    const raw = value?.toString() ?? ''
    this.#side.dead({ reason, stage: 'consumer', partition: this.#partition, offset, raw })
  }

  #takeTrades(record: TradeRecord, offset: number): void {
    const { metrics } = this.#deps
    if (this.#goneFrom !== undefined) this.#takeRetentionGap(record, offset, this.#goneFrom)
    const folded = this.#fold.take(record, offset, Date.now())
    if (folded === undefined) {
      metrics.recordsRepeated.inc()
      return
    }
    for (const one of folded) {
      const { aside } = one
      // What the feed delivers again is among the trades already.
      if (aside !== 'redelivered') this.#trades.add(tradeDocument(record, one))
      if (aside === undefined) continue
      metrics.tradesAside.inc({ reason: aside })
      if (aside === 'too late') metrics.lateAge.observe(one.byMs / 1000)
      this.#side.aside(record, one, aside)
    }
    metrics.tradesRead.inc(record.trades.length)
    this.#side.seen(record)
  }

  #takeGap(gap: GapRecord): void {
    this.#fold.takeGap(gap, Date.now())
    this.#side.gap(gap)
  }

  /** What retention removed unread is a gap of this partition, from the last record to this one. */
  #takeRetentionGap({ feed, receivedAt }: TradeRecord, offset: number, goneFrom: number): void {
    this.#goneFrom = undefined
    this.#takeGap({
      version: 1,
      kind: 'gap',
      id: `gone-${this.#log}-${goneFrom}`,
      log: this.#log,
      feed,
      fromMs: this.#fold.receivedAtMs,
      toMs: receivedAt,
      cause: `${offset - goneFrom} records were removed from the topic before they were read`,
      symbols: [],
      at: receivedAt
    })
  }
}
