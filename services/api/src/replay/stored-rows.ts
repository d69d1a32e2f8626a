import {
  finalAt,
  isActivity,
  lengthOf,
  windowAt,
  type BarFields,
  type Timeframe
} from '@tapedeck/domain'
import {
  publishedForecast,
  tradeRow,
  type ForecastRow,
  type HistoryPosition,
  type HistoryQuery,
  type TradeDocument
} from '@tapedeck/mongo'
import type { Reader } from '../reader.ts'
import { publishedBar } from '../routes/bars.ts'
import { streamedBar, streamedForecast } from '../stream/events.ts'
import { REPLAYED, type ReplayedChannel, type RowSource, type TimedRow } from './merged-rows.ts'

/** What is replayed. */
export interface ReplaySelection {
  readonly channels: readonly ReplayedChannel[]
  /** `['*']`: every symbol. */
  readonly symbols: readonly string[]
  readonly timeframes: readonly Timeframe[]
}

/** How far ahead forecasts of a timeframe are made, in bars. */
export type Horizons = readonly { readonly timeframe: Timeframe; readonly horizon: number }[]

/** Rows that one replay reads at a time, of all its sources. */
const ROWS = 1000
const LEAST_ROWS = 50
/** A trading day may reach back over a long weekend, and so far an activity bar. */
const LONGEST_MS = 5 * 86_400_000
/** A cursor from which nothing was read for this long is closed, and opened again at its place. */
const IDLE_MS = 1000

/** Sources of everything of a selection that became known in [fromMs, toMs). */
export function storedRows(
  reader: Reader,
  { channels, symbols: named, timeframes }: ReplaySelection,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  horizons: Horizons
): RowSource[] {
  const symbols = named.includes('*') ? undefined : named
  const range = { symbols, toMs, order: 'asc' } as const
  const opened: ((batch: number) => RowSource)[] = []
  const add = <D extends Stored>(kind: Kind<D>): void =>
    void opened.push((batch) => new StoredRows(kind, { ...range, batch }, { fromMs, toMs }))
  for (const channel of REPLAYED) {
    if (!channels.includes(channel)) continue
    if (channel === 'trades') add(tradesOf(reader, fromMs))
    else {
      for (const timeframe of timeframes) {
        if (channel === 'bars') add(barsOf(reader, timeframe, fromMs))
        else {
          const own = horizons.filter((one) => one.timeframe === timeframe)
          add(outcomesOf(reader, timeframe, fromMs))
          for (const horizon of new Set(own.map((one) => one.horizon)))
            add(forecastsOf(reader, timeframe, horizon, { fromMs, toMs }))
        }
      }
    }
  }
  const batch = Math.max(LEAST_ROWS, Math.floor(ROWS / opened.length))
  return opened.map((open) => open(batch))
}

type Stored = { readonly _id: string; readonly symbol: string }

/** Documents of one kind, by the time in `placeMs`. */
interface Kind<D extends Stored> {
  readonly channel: ReplayedChannel
  read(query: Omit<HistoryQuery, 'fromMs'>): AsyncGenerator<readonly D[]>
  placeMs(document: D): number
  /** When it became known, epoch ms; undefined: it has not. */
  knownAtMs(document: D): number | undefined
  rowOf(document: D): object
}

const tradedAtMs = ({ tradedAt }: TradeDocument): number => tradedAt.getTime()

function tradesOf(reader: Reader, fromMs: number): Kind<TradeDocument> {
  return {
    channel: 'trades',
    read: (query) => reader.tradeHistory({ ...query, fromMs }),
    placeMs: tradedAtMs,
    knownAtMs: tradedAtMs,
    rowOf: tradeRow
  }
}

/** Bars as they are stored now, at the moment when they became final. */
function barsOf(reader: Reader, timeframe: Timeframe, fromMs: number): Kind<BarFields> {
  const startMs = fromMs - lengthMost(timeframe)
  return {
    channel: 'bars',
    read: (query) => reader.barHistory({ ...query, timeframe, fromMs: startMs }),
    placeMs: ({ start }) => start.getTime(),
    knownAtMs: ({ symbol, end, lastTradeAt, status }) => {
      if (status === 'provisional') return undefined
      return isActivity(timeframe)
        ? lastTradeAt.getTime() + 1
        : finalAt(timeframe, symbol, end.getTime())
    },
    rowOf: (bar) => streamedBar(publishedBar(bar), bar)
  }
}

/** Forecasts as they were made, without their outcome, when the bar that they were made from became final. */
function forecastsOf(
  reader: Reader,
  timeframe: Timeframe,
  horizon: number,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }
): Kind<ForecastRow> {
  const aheadMs = horizon * lengthMost(timeframe)
  return {
    channel: 'forecasts',
    read: (query) =>
      reader.forecastHistory({ ...query, timeframe, horizon, fromMs, toMs: toMs + aheadMs }),
    placeMs: ({ target }) => target.getTime(),
    knownAtMs: ({ symbol, madeFrom, target }) =>
      isActivity(timeframe)
        ? target.getTime()
        : windowAt(symbol, timeframe, madeFrom.getTime()).finalAtMs,
    rowOf: (one) => ({ ...forecastRow(one), ...NO_OUTCOME })
  }
}

/** Forecasts with their outcome, when the bar whose close they forecast became final. */
function outcomesOf(reader: Reader, timeframe: Timeframe, fromMs: number): Kind<ForecastRow> {
  const startMs = fromMs - lengthMost(timeframe)
  return {
    channel: 'forecasts',
    read: (query) =>
      reader.forecastHistory({ ...query, timeframe, horizon: undefined, fromMs: startMs }),
    placeMs: ({ target }) => target.getTime(),
    knownAtMs: ({ symbol, targetEnd, status }) =>
      status === 'open' ? undefined : finalAt(timeframe, symbol, targetEnd.getTime()),
    rowOf: forecastRow
  }
}

function forecastRow(one: ForecastRow): object {
  return streamedForecast(publishedForecast(one), one)
}

const NO_OUTCOME = {
  status: 'open',
  reason: null,
  actual: null,
  error: null,
  naiveError: null,
  inBand: null,
  scoreRevision: null
} as const

function lengthMost(timeframe: Timeframe): number {
  const lengthMs = lengthOf(timeframe)
  return lengthMs === undefined || lengthMs >= LONGEST_MS / 5 ? LONGEST_MS : lengthMs
}

/** Reads the documents of a kind in pages, and goes on behind the last one after a failure. */
class StoredRows<D extends Stored> implements RowSource {
  readonly channel: ReplayedChannel
  readonly #kind: Kind<D>
  readonly #query: Omit<HistoryQuery, 'fromMs'>
  readonly #fromMs: number
  readonly #toMs: number
  #pages: AsyncGenerator<readonly D[]> | undefined
  #after: HistoryPosition | undefined
  #idle: NodeJS.Timeout | undefined
  /** Windows of different symbols may end in another order than they begin: none comes before one that was sent. */
  #timeMs = -Infinity
  #isClosed = false

  constructor(
    kind: Kind<D>,
    query: Omit<HistoryQuery, 'fromMs'>,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }
  ) {
    this.channel = kind.channel
    this.#kind = kind
    this.#query = query
    this.#fromMs = fromMs
    this.#toMs = toMs
  }

  async next(): Promise<readonly TimedRow[]> {
    clearTimeout(this.#idle)
    for (;;) {
      if (this.#isClosed) return []
      const page = await this.#page()
      if (page === undefined) return []
      const rows = page.flatMap((document) => this.#rowsOf(document))
      const last = page.at(-1)
      if (last !== undefined) {
        const { symbol, _id: id } = last
        this.#after = { tMs: this.#kind.placeMs(last), symbol, id }
      }
      if (rows.length === 0) continue
      if (!this.#isClosed) this.#idle = setTimeout(() => this.#release(), IDLE_MS).unref()
      return rows
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#idle)
    this.#release()
  }

  async #page(): Promise<readonly D[] | undefined> {
    this.#pages ??= this.#kind.read({ ...this.#query, after: this.#after })
    try {
      const { done, value } = await this.#pages.next()
      return done === true ? undefined : value
    } catch (error) {
      this.#pages = undefined
      throw error
    }
  }

  #rowsOf(document: D): TimedRow[] {
    const knownAtMs = this.#kind.knownAtMs(document)
    if (knownAtMs === undefined || knownAtMs < this.#fromMs || knownAtMs >= this.#toMs) return []
    this.#timeMs = Math.max(this.#timeMs, knownAtMs)
    return [{ timeMs: this.#timeMs, text: JSON.stringify(this.#kind.rowOf(document)) }]
  }

  /** Closes the cursor; the server may be away. */
  #release(): void {
    this.#pages?.return(undefined).catch(() => undefined)
    this.#pages = undefined
  }
}
