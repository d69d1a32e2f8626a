import {
  decodeRecord,
  type FeedTrade,
  type GapRecord,
  type PartitionFold,
  type TradeRecord
} from '@tapedeck/domain'
import { partitionOf, type DeadLetter, type UnreadableBatch } from '@tapedeck/kafka'
import {
  amendmentDocuments,
  tradeDocument,
  type Acquired,
  type AmendmentDocument,
  type LateTradeDocument,
  type LostRecords
} from '@tapedeck/mongo'
import type { EndWatch } from './end-watch.ts'
import type { ConsumerDeps, SeenSymbol, SideResults } from './publish.ts'
import type { TradeWriter } from './trade-writer.ts'

interface IntakeDeps extends Pick<ConsumerDeps, 'metrics' | 'log'> {
  readonly ends: Pick<EndWatch, 'noteRecord'>
}

/** Reads the records of one partition into its fold, and their trades into the trade writer. */
export class RecordIntake {
  readonly #deps: IntakeDeps
  readonly #partition: number
  readonly #log: string
  readonly #fold: PartitionFold
  readonly #trades: Pick<TradeWriter, 'add'>
  readonly #placement: number
  /** Symbols that belong to this partition. */
  readonly #own = new Set<string>()
  readonly #misplaced = new MisplacedRecords()
  #side = new SideCollector()
  /** The first offset that was removed from the topic, until the next record gives the end of the gap. */
  #removedFrom: number | undefined
  /** What a former log may have had besides, until the next record gives the end of the gap. */
  #lost: LostRecords | null
  /** Of the last record. */
  #feed = 'unknown'

  constructor(
    partition: number,
    { log, lost, placement }: Pick<Acquired, 'log' | 'lost' | 'placement'>,
    { fold, trades }: { readonly fold: PartitionFold; readonly trades: Pick<TradeWriter, 'add'> },
    deps: IntakeDeps
  ) {
    this.#partition = partition
    this.#log = log
    this.#lost = lost
    this.#placement = placement
    this.#fold = fold
    this.#trades = trades
    this.#deps = deps
  }

  /** Reports records that retention removed before they were read; the next record makes them a gap. */
  reportRemoved(firstOffset: number, nextOffset: number): void {
    // A log that took the place of another one is read from its start, wherever that is.
    if (firstOffset <= nextOffset || this.#lost !== null) return
    this.#removedFrom = nextOffset
    this.#deps.metrics.recordsMissing.inc(firstOffset - nextOffset)
    this.#deps.log.error(
      { partition: this.#partition, from: nextOffset, to: firstOffset },
      'records were removed from the topic before they were read'
    )
  }

  /** Reads one record: trades, a feed gap, or a dead letter when it does not fit the schema. */
  read(offset: number, key: Buffer | null, value: Buffer | null): void {
    const { metrics } = this.#deps
    metrics.recordsRead.inc()
    const decoded = decodeRecord(key, value)
    const { record, gap } = decoded
    const problem = record === undefined ? decoded.problem : this.#placementProblem(record)
    if (gap !== undefined) {
      metrics.gapsRead.inc()
      this.#readGap(gap)
    } else if (problem !== undefined) this.refuse(offset, value, problem)
    else if (record !== undefined) this.#readTrades(record, offset)
  }

  /** Makes a record a dead letter. */
  refuse(offset: number, value: Buffer | null, reason: string): void {
    this.#addLetter({ reason, offset, raw: value?.toString() ?? '' })
  }

  /**
   * Makes a batch that cannot be decoded one dead letter, and its time a gap of this partition, as with
   * removed records. `nextOffset` is that of the partition, which may be within the batch.
   */
  readUnreadable(batch: UnreadableBatch, nextOffset: number): void {
    const { baseOffset, lastOffset, bytes } = batch
    const reason = `batch is unreadable: ${batch.reason}`
    const place = { offset: baseOffset, lastOffset }
    this.#addLetter({ reason, ...place, raw: bytes.toString('base64'), encoding: 'base64' })
    const records = lastOffset + 1 - Math.max(baseOffset, nextOffset)
    this.#deps.metrics.recordsMissing.inc(records)
    this.#deps.log.error(
      { partition: this.#partition, from: baseOffset, to: lastOffset + 1, reason },
      'a batch of records cannot be decoded'
    )
    this.#readGap({
      version: 1,
      kind: 'gap',
      id: `unreadable-${this.#log}-${baseOffset}`,
      log: this.#log,
      feed: this.#feed,
      ...spanOf(batch, this.#fold.receivedAtMs, Date.now()),
      cause: `${records} records could not be decoded: ${batch.reason}`,
      symbols: []
    })
  }

  /** Bars of a symbol belong to one partition; a record of it on another one is of a producer that does not know. */
  #placementProblem({ symbol }: TradeRecord): string | undefined {
    if (this.#own.has(symbol)) return undefined
    const placement = this.#placement
    const partition = partitionOf(symbol, placement)
    if (partition !== this.#partition) {
      if (this.#misplaced.note(symbol)) {
        const { log } = this.#deps
        log.warn(
          { symbol, partition: this.#partition },
          `records of ${symbol} belong to another partition`
        )
      }
      return `wrong partition: the key ${symbol} belongs to partition ${partition} of ${placement}, found it on ${this.#partition}`
    }
    this.#own.add(symbol)
    return undefined
  }

  /** What a person should know about the records, in sentences. */
  warnings(): string[] {
    const partition = this.#partition
    const placement = this.#placement
    return [
      ...(partition < placement
        ? []
        : [`no symbol belongs to partition ${partition}: the log began with ${placement}`]),
      ...this.#misplaced.warnings(partition)
    ]
  }

  /** The results beside trades and bars since the last call. */
  drain(): SideResults {
    const drained = { ...this.#side.results(), lost: this.#lost }
    this.#side = new SideCollector()
    return drained
  }

  #readTrades(record: TradeRecord, offset: number): void {
    const { metrics } = this.#deps
    this.#feed = record.feed
    if (this.#removedFrom !== undefined && this.#lost === null) {
      this.#readRemoved(record, offset, this.#removedFrom)
    }
    const folded = this.#fold.take(record, offset)
    if (folded === undefined) {
      metrics.recordsRepeated.inc()
      return
    }
    // Not before: a repeated record was read from the former log.
    if (this.#lost !== null) this.#readLost(record, this.#lost)
    for (const one of folded) {
      const document = tradeDocument(record, one)
      const { exclusion: reason, byMs } = one
      // One delivered again is stored already; one from the future would be the newest trade for years.
      if (reason !== 'redelivered' && reason !== 'from the future') this.#trades.add(document)
      if (reason === undefined) continue
      metrics.tradesExcluded.inc({ reason })
      if (reason === 'too late') metrics.lateAge.observe(byMs / 1000)
      this.#side.late.push({ ...document, reason, byMs })
    }
    metrics.tradesRead.inc(record.trades.length)
    this.#deps.ends.noteRecord(record.receivedAt)
    this.#side.see(
      record,
      folded.findLast(({ exclusion }) => exclusion !== 'from the future')?.trade
    )
  }

  #addLetter(letter: Omit<DeadLetter, 'stage' | 'partition'>): void {
    const { reason } = letter
    this.#deps.metrics.recordsDead.inc({ reason: reason.split(':')[0] ?? reason })
    this.#side.dead.push({ ...letter, stage: 'consumer', partition: this.#partition })
  }

  #readGap(gap: GapRecord): void {
    this.#fold.takeGap(gap)
    this.#side.gaps.push(gap)
  }

  /** Removed records are a gap of this partition, from the last record read to this one. */
  #readRemoved(record: TradeRecord, offset: number, removedFrom: number): void {
    this.#removedFrom = undefined
    this.#readOwnGap(record, {
      id: `gone-${this.#log}-${removedFrom}`,
      fromMs: this.#fold.receivedAtMs,
      cause: `${offset - removedFrom} records were removed from the topic before they were read`
    })
  }

  /** What was lost with a former log is a gap of this partition, up to the first record of this log. */
  #readLost(record: TradeRecord, { id, fromMs, cause }: LostRecords): void {
    this.#lost = null
    this.#removedFrom = undefined
    const text = `${cause}: records that were not read before are lost`
    this.#readOwnGap(record, { id, fromMs, cause: text })
  }

  #readOwnGap(
    { feed, receivedAt }: TradeRecord,
    { id, fromMs, cause }: Pick<GapRecord, 'id' | 'fromMs' | 'cause'>
  ): void {
    this.#readGap({
      version: 1,
      kind: 'gap',
      id,
      log: this.#log,
      feed,
      fromMs,
      toMs: receivedAt,
      cause,
      symbols: [],
      at: receivedAt
    })
  }
}

/**
 * When the trades of an unreadable batch were received: from the last record before it, or its earliest time,
 * to its latest. A header may say anything, so the end is not in the future: that would cover bars to come.
 */
function spanOf(
  { fromMs: earliestMs, toMs: latestMs }: UnreadableBatch,
  receivedAtMs: number | null,
  nowMs: number
): Pick<GapRecord, 'fromMs' | 'toMs' | 'at'> {
  const endMs = latestMs > 0 ? Math.min(latestMs, nowMs) : (receivedAtMs ?? nowMs)
  const fromMs = receivedAtMs ?? (earliestMs > 0 ? Math.min(earliestMs, endMs) : endMs)
  const toMs = Math.max(fromMs, endMs) + 1
  return { fromMs, toMs, at: toMs }
}

/** A warning stays this long after the last record of its kind. */
const WARNED_MS = 600_000
const MOST_NAMED = 5

/** Records of symbols that belong to another partition. */
class MisplacedRecords {
  #records = 0
  #lastAtMs = -Infinity
  readonly #symbols = new Set<string>()

  /** Returns whether the symbol is to be named for the first time. */
  note(symbol: string): boolean {
    this.#records++
    this.#lastAtMs = performance.now()
    const isNew = this.#symbols.size < MOST_NAMED && !this.#symbols.has(symbol)
    if (isNew) this.#symbols.add(symbol)
    return isNew
  }

  warnings(partition: number): string[] {
    if (performance.now() - this.#lastAtMs > WARNED_MS) return []
    const names = [...this.#symbols].join(', ')
    return [
      `${this.#records} records on partition ${partition} belong to another one (${names}) and are dead letters: ` +
        'their producer places keys in another way'
    ]
  }
}

/** The side results of one batch. */
class SideCollector {
  readonly late: LateTradeDocument[] = []
  readonly dead: DeadLetter[] = []
  readonly gaps: GapRecord[] = []
  readonly #amendments: AmendmentDocument[] = []
  readonly #symbols = new Map<string, SeenSymbol>()

  /** Keeps the amendments of a record and the newest trade of its symbol, if it has one of the present. */
  see(record: TradeRecord, newest: FeedTrade | undefined): void {
    if (record.amendments !== undefined) this.#amendments.push(...amendmentDocuments(record))
    if (newest === undefined) return
    this.#symbols.set(record.symbol, {
      _id: record.symbol,
      feed: record.feed,
      lastPrice: newest.p,
      lastTradeAt: new Date(newest.t),
      lastReceivedAt: new Date(record.receivedAt)
    })
  }

  results(): Omit<SideResults, 'lost'> {
    const { late, dead, gaps } = this
    return { late, dead, gaps, amendments: this.#amendments, symbols: [...this.#symbols.values()] }
  }
}
