import { publishedForecast, tradeRow } from '@tapedeck/mongo'
import type { Reader } from '../reader.ts'
import { publishedBar } from '../routes/bars.ts'
import { streamedBar, streamedForecast, type Channel } from './events.ts'
import type { Selection } from './messages.ts'

/** Rows of one channel in a snapshot at most: the newest ones. */
export const MAX_SNAPSHOT_ROWS = 10_000

/** What is stored of a selection. */
export interface Snapshot {
  readonly trades: readonly ReturnType<typeof tradeRow>[]
  readonly bars: readonly object[]
  readonly forecasts: readonly object[]
  readonly cut: readonly Cut[]
}

/** Rows that a snapshot leaves out, because there are newer ones: of trades, or of one timeframe of another channel. */
interface Cut {
  readonly channel: Channel
  /** The time of the oldest row that is there, epoch ms. Others of that time may be left out too. */
  readonly from: number
  /** The request that gets what is left out. */
  readonly ask: string
}

/** The last millisecond that a Date can hold. */
const END_OF_TIME_MS = 8.64e15

/** Reads what was stored of a selection since a time. @throws DATABASE_UNREACHABLE */
export async function readSnapshot(
  reader: Reader,
  { channels, symbols: named, timeframes }: Selection,
  sinceMs: number
): Promise<Snapshot> {
  const symbols = named.includes('*') ? undefined : named
  const query = { symbols, fromMs: sinceMs, toMs: END_OF_TIME_MS, limit: MAX_SNAPSHOT_ROWS }
  const none = { horizon: undefined, model: undefined }
  const has = (channel: Channel): boolean => channels.includes(channel)
  const cut: Cut[] = []
  const read = async <T>(
    channel: Channel,
    timeOf: (row: T) => Date,
    rows: Promise<readonly T[]>,
    timeframe?: string
  ): Promise<readonly T[]> => {
    const found = await rows
    const [oldest] = found
    if (oldest !== undefined && found.length >= MAX_SNAPSHOT_ROWS) {
      const from = timeOf(oldest).getTime()
      const asked = new URLSearchParams({
        ...(symbols !== undefined && { symbol: symbols.join(',') }),
        ...(timeframe !== undefined && { timeframe }),
        from: String(sinceMs),
        // The oldest row is not the only one of its millisecond.
        to: String(from + 1),
        limit: String(MAX_SNAPSHOT_ROWS)
      })
      cut.push({ channel, from, ask: `/api/v1/${channel}?${asked.toString()}` })
    }
    return found
  }
  const [trades, bars, forecasts] = await Promise.all([
    has('trades') ? read('trades', ({ tradedAt }) => tradedAt, reader.trades(query)) : [],
    has('bars')
      ? each(timeframes, (timeframe) =>
          read('bars', ({ start }) => start, reader.bars({ ...query, timeframe }), timeframe)
        )
      : [],
    has('forecasts')
      ? each(timeframes, (timeframe) => {
          const found = reader.forecasts({ ...query, ...none, timeframe })
          return read('forecasts', ({ target }) => target, found, timeframe)
        })
      : []
  ])
  return {
    trades: trades.map(tradeRow),
    bars: bars.map((bar) => streamedBar(publishedBar(bar), bar)),
    forecasts: forecasts.map((one) => streamedForecast(publishedForecast(one), one)),
    cut
  }
}

async function each<T>(
  timeframes: readonly string[],
  read: (timeframe: string) => Promise<readonly T[]>
): Promise<T[]> {
  const rows: T[] = []
  for (const timeframe of timeframes) rows.push(...(await read(timeframe)))
  return rows
}
