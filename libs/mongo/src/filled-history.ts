import { TapedeckError } from '@tapedeck/core'
import {
  anyWindowAt,
  closedSpanAt,
  filledBar,
  isActivity,
  nameOfWindows,
  SECONDS,
  sessionWindows,
  stepOfWindows,
  type BarFields,
  type PartitionFacts,
  type TimeWindows
} from '@tapedeck/domain'
import type { BarDocument } from './bar-document.ts'
import { ROW_PROJECTION, type HasBars } from './bars.ts'
import type { HasCheckpoints } from './checkpoint.ts'
import { LAST_MS, partitionFacts, readComposedBars, type FactsOf } from './composed-history.ts'
import { translated } from './failure.ts'
import type { HasFeedGaps } from './feed-gaps.ts'
import { isAfter, readBarHistory, restOf, type HistoryQuery } from './history.ts'
import { compareRows, symbolsOf } from './newest-rows.ts'
import type { HasReport } from './shape.ts'

export interface FilledQuery extends HistoryQuery {
  readonly windows: TimeWindows
  /** Whether windows without a bar have null prices or the close before them. */
  readonly fill: 'null' | 'carry'
}

type HasAll = HasBars & HasCheckpoints & HasFeedGaps & HasReport

/** Symbols whose windows are filled in one read at most; the place of each is looked up. */
const MOST_SYMBOLS = 500
/** Windows of all symbols that are in memory at one time, about. */
const ROWS = 2000
const CONCURRENCY = 20

/** What is stored of a symbol in these windows. */
interface Stored {
  readonly symbol: string
  /** Starts of its first and its newest bar, epoch ms. */
  readonly firstMs: number
  readonly newestMs: number
  readonly facts: PartitionFacts
}

/**
 * Bars of a range as `readBarHistory` and `readComposedBars` have them, and a FilledBar for each window without a bar in a
 * session of the calendar: from the symbol's first stored bar on to where its partition is known to be complete. It reads a
 * piece of the range after the other and holds some thousand rows. Nothing is stored.
 * @throws REQUEST_INVALID for activity bars and for more than 500 symbols; DATABASE_UNREACHABLE while iterating
 */
export async function* readFilledBars(
  database: HasAll,
  query: FilledQuery
): AsyncGenerator<readonly BarFields[]> {
  const { windows, order, after } = query
  if (typeof windows === 'string' && isActivity(windows)) {
    const message = `fill is given for ${windows}, expected windows in time, such as 1m`
    throw new TapedeckError('REQUEST_INVALID', message)
  }
  const factsOf = await partitionFacts(database, {
    fromMs: query.fromMs,
    toMs: Math.min(query.toMs + stepOfWindows(windows), LAST_MS)
  })
  const stored = await storedSymbols(database, query, factsOf)
  if (stored.length === 0) return
  const symbols = stored.map(({ symbol }) => symbol)
  const first = Math.min(...stored.map(({ firstMs }) => firstMs))
  const last = Math.max(
    ...stored.map(({ newestMs, facts }) =>
      Math.max(newestMs + 1, Number.isFinite(facts.watermarkMs) ? facts.watermarkMs : 0)
    )
  )
  const isForward = order === 'asc'
  const rest = restOf(query)
  const [fromMs, toMs] = [Math.max(rest.fromMs, first), Math.min(rest.toMs, last)]
  const filler = new Filler(database, query, stored, factsOf)
  const lengthMs = Math.max(1, Math.floor(ROWS / symbols.length)) * stepOfWindows(windows)
  for (let [startMs, endMs] = [fromMs, toMs]; startMs < endMs;) {
    const closed = closedSpanAt(symbols, windows, isForward ? startMs : endMs - 1)
    const part = isForward
      ? { fromMs: startMs, toMs: Math.min(endMs, closed?.endMs ?? startMs + lengthMs) }
      : { fromMs: Math.max(startMs, closed?.startMs ?? endMs - lengthMs), toMs: endMs }
    if (isForward) startMs = part.toMs
    else endMs = part.fromMs
    const batches = closed === undefined ? filler.fill(part) : filler.read(part)
    for await (const batch of batches) {
      const rows =
        after === undefined
          ? batch
          : batch.filter((bar) => isAfter(bar, bar.start, { after, order }))
      if (rows.length > 0) yield rows
    }
  }
}

type Range = Pick<HistoryQuery, 'fromMs' | 'toMs'>

const startMsOf = ({ start }: BarFields): number => start.getTime()

class Filler {
  readonly #database: HasAll
  readonly #query: FilledQuery
  readonly #factsOf: FactsOf
  readonly #stored: readonly Stored[]
  readonly #symbols: readonly string[]
  /** In a forward read, the last bar with a price of each symbol. */
  readonly #before = new Map<string, BarFields | undefined>()

  constructor(database: HasAll, query: FilledQuery, stored: readonly Stored[], factsOf: FactsOf) {
    this.#database = database
    this.#factsOf = factsOf
    this.#query = query
    this.#stored = stored
    this.#symbols = stored.map(({ symbol }) => symbol)
  }

  /** The bars alone. */
  async *read(range: Range): AsyncGenerator<readonly BarFields[]> {
    for await (const batch of this.#bars({ ...range, order: this.#query.order })) {
      if (this.#query.order === 'asc') for (const bar of batch) this.#note(bar)
      yield batch
    }
  }

  /** The bars of some windows, and those that are missing between them. */
  async *fill(range: Range): AsyncGenerator<readonly BarFields[]> {
    const { order } = this.#query
    const bySymbol = new Map<string, BarFields[]>(this.#symbols.map((symbol) => [symbol, []]))
    for await (const batch of this.#bars({ ...range, order: 'asc' }))
      for (const bar of batch) bySymbol.get(bar.symbol)?.push(bar)
    const rows: BarFields[] = []
    for (let at = 0; at < this.#stored.length; at += CONCURRENCY) {
      const group = this.#stored.slice(at, at + CONCURRENCY)
      const filled = await Promise.all(
        group.map((one) => this.#filled(one, bySymbol.get(one.symbol) ?? [], range))
      )
      rows.push(...filled.flat())
    }
    const sign = order === 'asc' ? 1 : -1
    yield rows.sort((a, b) => sign * compareRows(a, b, startMsOf))
  }

  async #filled(
    { symbol, firstMs, facts: { gaps, watermarkMs } }: Stored,
    bars: readonly BarFields[],
    { fromMs, toMs }: Range
  ): Promise<BarFields[]> {
    const { windows, fill, order } = this.#query
    const rows: BarFields[] = []
    let next = 0
    if (order === 'desc') this.#before.delete(symbol)
    const passBars = (untilMs: number): void => {
      for (; next < bars.length; next++) {
        const bar = bars[next] as BarFields
        if (bar.start.getTime() > untilMs) return
        rows.push(bar)
        this.#note(bar)
      }
    }
    const expected = sessionWindows(symbol, windows, { fromMs: Math.max(fromMs, firstMs), toMs })
    for (const window of expected) {
      if (window.endMs > watermarkMs) break
      passBars(window.startMs)
      if (rows.at(-1)?.start.getTime() === window.startMs) continue
      if (!this.#before.has(symbol)) {
        this.#before.set(symbol, await this.#lastBefore(symbol, window.startMs))
      }
      const before = this.#before.get(symbol)
      rows.push(filledBar(symbol, windows, window, { before, isCarried: fill === 'carry', gaps }))
    }
    passBars(Infinity)
    return rows
  }

  #note(bar: BarFields): void {
    if (bar.close !== null) this.#before.set(bar.symbol, bar)
  }

  #bars(part: Range & Pick<HistoryQuery, 'order'>): AsyncGenerator<readonly BarFields[]> {
    const { windows } = this.#query
    const query = { symbols: this.#symbols, ...part }
    return typeof windows === 'string'
      ? readBarHistory(this.#database, { ...query, timeframe: windows })
      : readComposedBars(this.#database, { ...query, window: windows }, this.#factsOf)
  }

  /** The last bar with a price before a moment. */
  async #lastBefore(symbol: string, ms: number): Promise<BarFields | undefined> {
    const { windows } = this.#query
    const last = await this.#lastStoredBefore(symbol, ms)
    if (last === undefined || typeof windows === 'string') return last
    const { startMs } = anyWindowAt(symbol, windows, last.start.getTime())
    const query = { symbols: [symbol], fromMs: startMs, toMs: startMs + 1, order: 'asc' } as const
    const found = readComposedBars(this.#database, { ...query, window: windows }, this.#factsOf)
    for await (const [bar] of found) return bar
    return undefined
  }

  #lastStoredBefore(symbol: string, ms: number): Promise<BarFields | undefined> {
    const filter = {
      symbol,
      timeframe: storedTimeframe(this.#query.windows),
      start: { $lt: new Date(ms) },
      close: { $ne: null }
    }
    return translated('Cannot read bars', async () => {
      const options = { projection: ROW_PROJECTION, sort: { start: -1 } } as const
      return (await this.#database.bars.findOne<BarFields>(filter, options)) ?? undefined
    })
  }
}

/** The timeframe of the stored bars that these windows are read from. */
function storedTimeframe(windows: TimeWindows): string {
  return typeof windows === 'string' ? nameOfWindows(windows) : SECONDS
}

/** The symbols of a query that have bars, with what is known of each. */
async function storedSymbols(
  { bars }: HasBars,
  query: FilledQuery,
  factsOf: FactsOf
): Promise<Stored[]> {
  const { windows } = query
  const symbols = await translated('Cannot read symbols', () => symbolsOf(bars, query.symbols))
  if (symbols.length > MOST_SYMBOLS) {
    const message = `fill is given for ${symbols.length} symbols, expected ${MOST_SYMBOLS} at most`
    throw new TapedeckError('REQUEST_INVALID', message)
  }
  const startOf = (symbol: string, { start }: Pick<BarDocument, 'start'>): number =>
    typeof windows === 'string'
      ? start.getTime()
      : anyWindowAt(symbol, windows, start.getTime()).startMs
  const edge = (symbol: string, direction: 1 | -1) =>
    translated('Cannot read bars', () =>
      bars.findOne<Pick<BarDocument, 'start' | 'source'>>(
        { symbol, timeframe: storedTimeframe(windows) },
        { projection: { start: 1, source: 1 }, sort: { start: direction } }
      )
    )
  const stored: Stored[] = []
  for (let at = 0; at < symbols.length; at += CONCURRENCY) {
    const found = await Promise.all(
      symbols.slice(at, at + CONCURRENCY).map(async (symbol) => {
        const [first, newest] = await Promise.all([edge(symbol, 1), edge(symbol, -1)])
        if (first === null || newest === null) return []
        const facts = factsOf(newest.source.log)
        const [firstMs, newestMs] = [startOf(symbol, first), startOf(symbol, newest)]
        return [{ symbol, firstMs, newestMs, facts }]
      })
    )
    stored.push(...found.flat())
  }
  return stored
}
