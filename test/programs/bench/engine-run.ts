import { readConfig } from '@tapedeck/consumer'
import {
  decodeRecord,
  encodeTradeRecord,
  PartitionFold,
  type Bar,
  type TradeRecord
} from '@tapedeck/domain'

/** A record as it lies on the topic. */
export interface EncodedRecord {
  readonly key: Buffer
  readonly value: Buffer
}

export interface EngineOptions {
  readonly timeframes: readonly string[]
  /** Panes waiting at which they are merged into bars; 2000 in the consumer. */
  readonly flushPanes?: number
  /** Gets the bars that changed, as often as they are handed out. */
  readonly onBars?: (bars: readonly Bar[]) => void
  /** Bars still open at the end stay as they are. */
  readonly isLeftOpen?: boolean
}

/** What went through, for comparison between configurations. */
export interface EngineResult {
  readonly trades: number
  /** Trades kept out of every bar. */
  readonly aside: number
  /** One-second panes folded, each merged into a bar of every timeframe. */
  readonly panes: number
  readonly fold: PartitionFold
}

const FLUSH_PANES = 2000
/** Records between two looks at the panes, as in the consumer. */
const CHUNK = 500

export function encoded(records: readonly TradeRecord[]): EncodedRecord[] {
  return records.map((record) => {
    const { key, value } = encodeTradeRecord(record)
    return { key: Buffer.from(key), value: Buffer.from(value) }
  })
}

/** Reads records off their bytes and checks them, no more; answers how many trades they hold. */
export function decodeAll(records: readonly EncodedRecord[]): number {
  let trades = 0
  for (const one of records) trades += decoded(one).trades.length
  return trades
}

/** Folds records into bars step by step as the consumer does, without any store. */
export function foldAll(
  records: readonly (TradeRecord | EncodedRecord)[],
  { timeframes, flushPanes = FLUSH_PANES, onBars, isLeftOpen = false }: EngineOptions
): EngineResult {
  const fold = new PartitionFold(foldOptions(timeframes), undefined, -Infinity)
  const { bars: book, activity: counted, watermark } = fold
  let trades = 0
  let aside = 0
  let panes = 0
  const settle = (watermarkMs: number): void => {
    panes += book.paneCount
    book.closeBatch()
    counted.closeBatch()
    fold.toState()
    book.missing()
    book.mergeBatch()
    counted.missing()
    counted.mergeBatch()
    book.finalise(watermarkMs)
    const { fresh, changed } = book.drainChanged(watermarkMs)
    counted.drainChanged()
    onBars?.([...fresh, ...changed])
  }
  for (let i = 0; i < records.length; i++) {
    const given = records[i] as TradeRecord | EncodedRecord
    const record = 'value' in given ? decoded(given) : given
    for (const folded of fold.take(record, i, record.receivedAt) ?? []) {
      trades++
      if (folded.aside !== undefined) aside++
    }
    if (i % CHUNK === CHUNK - 1 && book.paneCount >= flushPanes) settle(watermark.ms)
  }
  settle(isLeftOpen ? watermark.ms : Number.MAX_SAFE_INTEGER)
  return { trades, aside, panes, fold }
}

function decoded({ key, value }: EncodedRecord): TradeRecord {
  const { record, problem } = decodeRecord(key, value)
  if (record === undefined) throw new Error(`Cannot fold a record: ${problem ?? 'no trades'}`)
  return record
}

/** The consumer's own rules, but for the timeframes. */
function foldOptions(timeframes: readonly string[]): ReturnType<typeof readConfig>['fold'] {
  return readConfig({
    KAFKA_BROKERS: '127.0.0.1:1',
    MONGODB_URI: 'mongodb://127.0.0.1:1',
    TIMEFRAMES: timeframes.join(','),
    LATENESS_LIMIT: '36500d'
  }).fold
}
