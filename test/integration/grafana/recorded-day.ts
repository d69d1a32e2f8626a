import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { startConsumer } from '@tapedeck/consumer'
import { recordsOf, type TradeRecord } from '@tapedeck/domain'
import { createRun, type Database } from '@tapedeck/mongo'
import { readReferenceBars, type ReferenceBar } from '../../programs/verify-tape/reference-bars.ts'
import { SETS_FOLDER } from '../../programs/verify-tape/sets.ts'
import { aRun } from '../../support/batch-documents.ts'
import { seedFeed } from '../../support/infinity-emulator-seed.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import type { Scope } from '../../support/scope.ts'
import { linesOf, type TapeTrade } from '../../support/tape.ts'
import { until } from '../../support/until.ts'

/** The day of one stock, whole; two others are cut to what a quiet and a new symbol have. */
const STOCKS = path.join(SETS_FOLDER, 'us4-lean-20131008')
const CRYPTO = path.join(SETS_FOLDER, 'kraken-spot-xbtusdt-20251110')

export const RECORDED = 'IBM'
/** Followed, and traded in the first minutes of the day only. */
export const QUIET = 'BAC'
/** Followed since the last minutes: it has a single trade. */
export const NEW = 'AIG'
export const CRYPTO_SYMBOL = 'KRAKEN:XBTUSDT'
/** Neither followed nor ever seen. */
export const UNKNOWN = 'NOSUCH'

/** Why the day cannot be replayed; false: it can. */
export const skip = [STOCKS, CRYPTO].every((set) => existsSync(`${set}.ndjson.gz`))
  ? false
  : `no recorded day found: expected ${[STOCKS, CRYPTO].map((set) => path.basename(set)).join(' and ')} (.ndjson.gz) beside the project, in ../shared/data`

/** Every kind of bar; the api is told the same. */
export const TIMEFRAMES = '1s,5s,1m,5m/1m,5m,15m,1h,1d,100t'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const QUIET_TRADES = 50

export interface RecordedDay {
  readonly market: Market
  /** Bars of a minute of RECORDED that were computed apart from the pipeline. */
  readonly reference: readonly ReferenceBar[]
  /** The trades of RECORDED, in the order of the feed. */
  readonly trades: readonly TapeTrade[]
  /** The end of the last minute, epoch ms. */
  readonly endMs: number
}

/** Replays the day through a broker and a consumer, and stores what a producer and the batch side would say beside it. */
export async function replayDay(t: Scope): Promise<RecordedDay> {
  const market = await openMarket(t)
  const all = await readReferenceBars(`${STOCKS}.bars1m.csv.gz`)
  const reference = all.filter(({ symbol }) => symbol === RECORDED)
  const [first, last] = [reference[0]!.startMs, reference.at(-1)!.startMs]
  const endMs = last + MINUTE_MS
  const trades = [...(await stockTrades(endMs)), ...(await cryptoTrades(first, endMs))].toSorted(
    (a, b) => a.t - b.t
  )
  const consumer = await inService(t, (context) =>
    startConsumer(
      market.consumer({
        CONDITION_POLICY: 'all',
        TIMEFRAMES,
        // A bar is written with each flush, and a day passes in seconds.
        FLUSH_INTERVAL: '2s'
      }),
      context
    )
  )
  await market.publish(framesOf(trades))
  await until(
    'every trade is stored',
    async () => (await market.database.trades.countDocuments()) === trades.length,
    120_000
  )
  // It writes what is still open.
  await consumer.stop()
  await seedFeed(market.database, { fromMs: first, toMs: endMs })
  await seedRuns(market.database)
  return { market, reference, trades: trades.filter(({ s }) => s === RECORDED), endMs }
}

async function stockTrades(endMs: number): Promise<TapeTrade[]> {
  // Whole: line by line the 654 140 trades, most of them of another symbol, take ten times as long.
  const text = gunzipSync(await readFile(`${STOCKS}.ndjson.gz`)).toString()
  const of = (symbol: string): TapeTrade[] =>
    [...text.matchAll(new RegExp(`^\\{"s":"${symbol}",.*$`, 'gm'))]
      .map(([line]) => JSON.parse(line) as TapeTrade)
      .filter(({ t }) => t < endMs)
  return [...of(RECORDED), ...of(QUIET).slice(0, QUIET_TRADES), ...of(NEW).slice(-1)]
}

/** Moved by whole days, so that it is traded on the same day as the stocks. */
async function cryptoTrades(firstMs: number, endMs: number): Promise<TapeTrade[]> {
  const trades: TapeTrade[] = []
  for await (const line of linesOf(`${CRYPTO}.ndjson.gz`)) {
    trades.push(JSON.parse(line) as TapeTrade)
  }
  const days = Math.floor((trades[0]!.t - firstMs) / DAY_MS)
  return trades
    .map((trade) => ({ ...trade, t: trade.t - days * DAY_MS }))
    .filter(({ t }) => t < endMs)
}

/** The trades of each second as a frame. */
function framesOf(trades: readonly TapeTrade[]): TradeRecord[] {
  const seconds = Map.groupBy(trades, ({ t }) => Math.floor(t / 1000))
  return [...seconds].flatMap(([second, inside], frame) =>
    recordsOf(
      inside.map(({ s, p, t, v, c = null }, index) => ({ s, p, t, v, c, index })),
      {
        feed: 'recorded',
        connection: '0mwv6bn8sff46',
        frame: frame + 1,
        receivedAt: second * 1000 + 999
      }
    )
  )
}

/** As many as the dashboard shows. */
async function seedRuns(database: Database): Promise<void> {
  for (let i = 0; i < 30; i += 1) await createRun(database, aRun(`load@${i}`))
}
