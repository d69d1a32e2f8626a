import { readEnv } from '@tapedeck/core'
import {
  closeBatch,
  decodeRecord,
  encodeTradeRecord,
  MemoryBars,
  PartitionFold,
  RULE_VARIABLES,
  rulesOf,
  type Bar,
  type FoldOptions,
  type TradeRecord
} from '@tapedeck/domain'

/** A record as it is on the topic. */
export interface EncodedRecord {
  readonly key: Buffer
  readonly value: Buffer
}

export interface EngineOptions {
  readonly timeframes: readonly string[]
  /** Waiting panes at which a batch is closed; 2000 in the consumer. */
  readonly flushPanes?: number
  /** Gets the changed bars of every batch. */
  readonly onBars?: (bars: readonly Bar[]) => void
  /** Open bars stay provisional at the end. */
  readonly isLeftOpen?: boolean
}

/** For comparison between configurations. */
export interface EngineResult {
  readonly trades: number
  /** Trades in no bar. */
  readonly excluded: number
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

/** Only decodes and checks records. Returns the number of their trades. */
export function decodeAll(records: readonly EncodedRecord[]): number {
  let trades = 0
  for (const one of records) trades += decoded(one).trades.length
  return trades
}

/** Folds records into bars as the consumer does, without a database. */
export async function foldAll(
  records: readonly (TradeRecord | EncodedRecord)[],
  { timeframes, flushPanes = FLUSH_PANES, onBars, isLeftOpen = false }: EngineOptions
): Promise<EngineResult> {
  const fold = new PartitionFold(foldOptions(timeframes), undefined, -Infinity)
  const store = new MemoryBars()
  let trades = 0
  let excluded = 0
  let panes = 0
  const close = async (nextOffset: number): Promise<void> => {
    panes += fold.bars.paneCount
    const options = { nextOffset, now: () => 0 }
    const { bars } = await closeBatch(fold, store, [], options)
    onBars?.([...bars.fresh, ...bars.changed])
  }
  for (let i = 0; i < records.length; i++) {
    const given = records[i] as TradeRecord | EncodedRecord
    const record = 'value' in given ? decoded(given) : given
    for (const folded of fold.take(record, i) ?? []) {
      trades++
      if (folded.exclusion !== undefined) excluded++
    }
    if (i % CHUNK === CHUNK - 1 && fold.bars.paneCount >= flushPanes) await close(i + 1)
  }
  if (!isLeftOpen) fold.watermark.reach(Number.MAX_SAFE_INTEGER)
  await close(records.length)
  return { trades, excluded, panes, fold }
}

function decoded({ key, value }: EncodedRecord): TradeRecord {
  const { record, problem } = decodeRecord(key, value)
  if (record === undefined) throw new Error(`Cannot fold a record: ${problem ?? 'no trades'}`)
  return record
}

/** The default rules, but for the timeframes. */
function foldOptions(timeframes: readonly string[]): FoldOptions {
  const env = { TIMEFRAMES: timeframes.join(','), LATENESS_LIMIT: '36500d' }
  return rulesOf(readEnv(env, RULE_VARIABLES)).fold
}
