import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { earnings, holidays, quoteOf } from '@tapedeck/simulator/testing'

const MARKET = { seed: 1, market: 'martingale' } as const
/** 2026-03-10 15:00 New York, a Tuesday. */
const NOW_MS = Date.UTC(2026, 2, 10, 19)

describe('REST of the simulator', () => {
  it('quotes the price of the market, between its high and low, against the close before', () => {
    for (const symbol of ['AAPL', 'ZZZZ', 'BINANCE:BTCUSDT']) {
      const quote = quoteOf(MARKET, symbol, NOW_MS)
      assert.ok(quote.l <= quote.o && quote.o <= quote.h, symbol)
      assert.ok(quote.l <= quote.c && quote.c <= quote.h, symbol)
      assert.ok(Math.abs(quote.d - (quote.c - quote.pc)) < 1e-3, symbol)
      assert.equal(quote.t, NOW_MS / 1000)
      assert.deepEqual(quoteOf(MARKET, symbol, NOW_MS), quote)
    }
    // The close before is the price at that close, whenever it is asked.
    const next = quoteOf(MARKET, 'AAPL', NOW_MS + 86_400_000)
    const atClose = quoteOf(MARKET, 'AAPL', Date.UTC(2026, 2, 10, 20) - 1)
    assert.equal(next.pc, atClose.c)
  })

  it('lists the closures and early closes of the coming year', () => {
    const { data } = holidays(NOW_MS)
    assert.deepEqual(
      data.slice(0, 2).map(({ atDate, tradingHour }) => [atDate, tradingHour]),
      [
        ['2026-04-03', ''],
        ['2026-05-25', '']
      ]
    )
    assert.ok(data.some(({ tradingHour }) => tradingHour === '09:30-13:00'))
  })

  it('every symbol reports once in 91 days', () => {
    const { earningsCalendar } = earnings('2026-03-10', '2026-06-08')
    const { earningsCalendar: none } = earnings('x', 'y')
    assert.ok(earningsCalendar.length > 0)
    assert.deepEqual(none, [])
  })
})
