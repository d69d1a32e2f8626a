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
  /** Channels of which older rows were left out, with the time of the first row that is there, epoch ms. */
  readonly cut: readonly { readonly channel: Channel; readonly from: number }[]
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
  const [trades, bars, forecasts] = await Promise.all([
    has('trades') ? reader.trades(query) : [],
    has('bars') ? each(timeframes, (timeframe) => reader.bars({ ...query, timeframe })) : [],
    has('forecasts')
      ? each(timeframes, (timeframe) => reader.forecasts({ ...query, ...none, timeframe }))
      : []
  ])
  const cut = [
    ...cutOf('trades', trades, trades[0]?.tradedAt),
    ...cutOf('bars', bars, bars[0]?.start),
    ...cutOf('forecasts', forecasts, forecasts[0]?.target)
  ]
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

function cutOf(
  channel: Channel,
  rows: readonly unknown[],
  first: Date | undefined
): { channel: Channel; from: number }[] {
  return rows.length < MAX_SNAPSHOT_ROWS || first === undefined
    ? []
    : [{ channel, from: first.getTime() }]
}
