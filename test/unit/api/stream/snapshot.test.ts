import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSnapshot } from '@tapedeck/api/testing'
import { aBar, aTrade } from '../../../support/market-documents.ts'

const MOST = 10_000
const SINCE_MS = 1000
const MINUTE_MS = 60_000

type Reader = Parameters<typeof readSnapshot>[0]

const trades = Array.from({ length: MOST }, (_, i) => aTrade('AAPL', i))
const seconds = Array.from({ length: MOST }, (_, i) => aBar('AAPL', '1s', 1000, i + MOST))
const minutes = [aBar('AAPL', '1m', MINUTE_MS, 0)]

const reader = {
  trades: () => Promise.resolve(trades),
  bars: ({ timeframe }: { timeframe: string }) =>
    Promise.resolve(timeframe === '1s' ? seconds : minutes),
  forecasts: () => Promise.resolve([])
} as unknown as Reader

describe('readSnapshot()', () => {
  it('names what it leaves out by timeframe, with the millisecond of the oldest row that is there', async () => {
    const selection = {
      channels: ['trades', 'bars', 'forecasts'],
      symbols: ['AAPL', 'BINANCE:BTCUSDT'],
      timeframes: ['1m', '1s']
    } as const
    const { cut } = await readSnapshot(reader, selection, SINCE_MS)
    const tradeMs = trades[0]!.tradedAt.getTime()
    const barMs = seconds[0]!.start.getTime()
    const symbols = 'symbol=AAPL%2CBINANCE%3ABTCUSDT'
    assert.deepEqual(cut, [
      {
        channel: 'trades',
        from: tradeMs,
        ask: `/api/v1/trades?${symbols}&from=${SINCE_MS}&to=${tradeMs + 1}&limit=${MOST}`
      },
      {
        channel: 'bars',
        from: barMs,
        ask: `/api/v1/bars?${symbols}&timeframe=1s&from=${SINCE_MS}&to=${barMs + 1}&limit=${MOST}`
      }
    ])
    const all = { ...selection, symbols: ['*'], channels: ['trades'] } as const
    const [first] = (await readSnapshot(reader, all, SINCE_MS)).cut
    assert.equal(first?.ask, `/api/v1/trades?from=${SINCE_MS}&to=${tradeMs + 1}&limit=${MOST}`)
  })
})
