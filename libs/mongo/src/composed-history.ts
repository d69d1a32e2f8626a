import { TapedeckError } from '@tapedeck/core'
import {
  GapList,
  SECONDS,
  WindowComposer,
  type AnyWindow,
  type BarFields,
  type FoldState,
  type PartitionFacts,
  type StoredSecond
} from '@tapedeck/domain'
import type { Collection, Filter } from 'mongodb'
import { STORED_BAR_SHAPE, storedBarOf, type BarDocument } from './bar-document.ts'
import type { HasBars } from './bars.ts'
import { loadCheckpoints, type HasCheckpoints } from './checkpoint.ts'
import { translated } from './failure.ts'
import { loadGaps, type HasFeedGaps } from './feed-gaps.ts'
import { inOrder, isAfter, restOf, type HistoryQuery } from './history.ts'
import { between, SYMBOLS_PER_QUERY, symbolsOf } from './newest-rows.ts'
import { ttlOfBars } from './retention.ts'
import { completeBar } from './rows.ts'
import { readable, type HasReport } from './shape.ts'

/** The last moment that a Date can hold. */
export const LAST_MS = 8.64e15

export interface ComposedQuery extends HistoryQuery {
  readonly window: AnyWindow
}

/**
 * Bars of any window, merged from the stored bars of one second, in batches as `readBarHistory` has them. The range is over
 * starts of windows; each bar has all of its window, also beyond the range. Memory does not grow with the range.
 * @param knownFacts what is known of the partitions in the range; read unless given
 * @throws DATABASE_UNREACHABLE while iterating
 */
export async function* readComposedBars(
  database: HasBars & HasCheckpoints & HasFeedGaps & HasReport,
  query: ComposedQuery,
  knownFacts?: FactsOf
): AsyncGenerator<readonly BarFields[]> {
  const { symbols, window, order, after, fromMs, toMs } = query
  const ends = restOf(query)
  const range = { fromMs: ends.fromMs, toMs: Math.min(ends.toMs + window.lengthMs, LAST_MS) }
  const factsOf = knownFacts ?? (await partitionFacts(database, range))
  const composer = new WindowComposer({ window, order, factsOf })
  const isIn = (bar: BarFields): boolean => {
    const startMs = bar.start.getTime()
    if (startMs < fromMs || startMs >= toMs) return false
    return after === undefined || isAfter(bar, bar.start, { after, order })
  }
  const seconds = inOrder(
    database.bars,
    { symbols, order, ...range },
    {
      timeField: 'start',
      filter: { timeframe: SECONDS },
      projection: { updatedAt: 0, versions: 0 },
      readable: (found) => readable('bars', STORED_BAR_SHAPE, found, database)
    }
  )
  for await (const batch of seconds) {
    for (const document of batch) composer.add(secondOf(document))
    const bars = composer.drain(batch.at(-1)?.start.getTime()).filter(isIn)
    if (bars.length > 0) yield bars
  }
  const rest = composer.drain().filter(isIn)
  if (rest.length > 0) yield rest
}

/** Offsets are not read. */
const READER = { log: '', epoch: 0, logEpoch: 0, nextOffset: 0 }

function secondOf(document: BarDocument): StoredSecond {
  const { policy, conditionVersion, source } = completeBar(document) as BarDocument
  return { ...storedBarOf(document, READER), policy, conditionVersion, log: source.log }
}

export type FactsOf = (log: string) => PartitionFacts

/** The watermark and the recorded gaps of each partition. Bars of a log that no consumer reads change no more. */
export async function partitionFacts(
  database: HasCheckpoints & HasFeedGaps & HasReport,
  range: Pick<HistoryQuery, 'fromMs' | 'toMs'>
): Promise<FactsOf> {
  // Before the bars, so that no bar counts as final that was read before it was.
  const checkpoints = await loadCheckpoints(database)
  const known = new Map<string, PartitionFacts>()
  const factsOf = async (log: string, watermarkMs: number): Promise<PartitionFacts> => {
    const gaps = new GapList()
    for (const gap of await loadGaps(database, log, range)) gaps.add(gap)
    return { gaps, watermarkMs }
  }
  for (const { _id: log, state } of checkpoints) {
    const { watermark } = (state ?? {}) as Partial<FoldState>
    known.set(log, await factsOf(log, watermark?.watermarkMs ?? -Infinity))
  }
  const other = await factsOf('', Infinity)
  return (log) => known.get(log) ?? other
}

/**
 * The first start that a range of windows can have: `fromMs`, or later where the bars of one second before that have
 * expired and `fromMs` was not asked for.
 * @throws REQUEST_INVALID when the range asks for expired bars, or has bars, but none of one second
 */
export async function secondsFrom(
  { bars }: HasBars,
  { symbols, fromMs, toMs }: Pick<HistoryQuery, 'symbols' | 'fromMs' | 'toMs'>,
  { nowMs, isAsked }: { readonly nowMs: number; readonly isAsked: boolean }
): Promise<number> {
  const ttlMs = await translated('Cannot read how long bars are kept', () =>
    ttlOfBars(bars, SECONDS)
  )
  const keptMs = ttlMs === undefined ? -Infinity : nowMs - ttlMs
  if (isAsked && fromMs < keptMs) {
    throw new TapedeckError(
      'REQUEST_INVALID',
      `from is ${new Date(fromMs).toISOString()}, but bars of one second before ` +
        `${new Date(keptMs).toISOString()} have expired (BARS_TTL), expected a later time, or a timeframe that is kept`
    )
  }
  const start = between({ fromMs: Math.max(fromMs, keptMs), toMs })
  const named = await translated('Cannot read symbols', () => symbolsOf(bars, symbols))
  if (await has(bars, named, { timeframe: SECONDS, start })) return Math.max(fromMs, keptMs)
  if (await has(bars, named, { start })) {
    throw new TapedeckError(
      'REQUEST_INVALID',
      'the range has bars, but none of one second, which windows are made of: expected 1s in TIMEFRAMES ' +
        'when the trades came, or `npm run reprocess` with it'
    )
  }
  return Math.max(fromMs, keptMs)
}

/** Whether one of these symbols has a bar that fits. */
async function has(
  bars: Collection<BarDocument>,
  symbols: readonly string[],
  filter: Filter<BarDocument>
): Promise<boolean> {
  for (let at = 0; at < symbols.length; at += SYMBOLS_PER_QUERY) {
    const symbol = { $in: symbols.slice(at, at + SYMBOLS_PER_QUERY) }
    const found = await translated('Cannot read bars', () =>
      bars.findOne({ symbol, ...filter }, { projection: { _id: 1 } })
    )
    if (found !== null) return true
  }
  return false
}
