import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { portfolioCards } from '@tapedeck/batch/testing'

const position = {
  portfolio: 'one',
  symbol: 'BINANCE:BTCUSDT',
  instrument: 'Bitcoin',
  currency: 'USDT',
  quantity: 2,
  cost: 100,
  close: 40,
  value: 80,
  unrealised: -20,
  unrealisedShare: -0.2,
  dayProfit: 5,
  note: null
}
const portfolio = {
  portfolio: 'one',
  name: 'Ada & <Co>',
  currency: 'USDT',
  positions: 2,
  unpriced: 1,
  cost: 100,
  value: 80,
  unrealised: -20,
  dayProfit: 5,
  withoutDayProfit: 1
}
const report = {
  takenAt: '2026-03-10T21:30:00.000001Z',
  previousDate: '2026-03-09',
  rejected: 0,
  portfolios: [portfolio],
  positions: [position]
}

describe('portfolioCards()', () => {
  it('shows profit with its sign and currency, and what it is compared with', () => {
    const html = portfolioCards(report)
    assert.match(html, /at 2026-03-10 21:30 UTC.*On the day: against 2026-03-09/)
    assert.match(html, /Ada &amp; &lt;Co&gt;/)
    assert.match(html, /one BTCUSDT: −20\.00 USDT/)
    assert.match(html, /<td class="down">1 of 2<\/td>/)
  })

  it('says why a position is not valued, and leaves it out of the chart', () => {
    const unpriced = {
      ...position,
      symbol: 'NEVER',
      close: null,
      value: null,
      unrealised: null,
      unrealisedShare: null,
      dayProfit: null,
      note: 'no price of NEVER on this date'
    }
    const html = portfolioCards({
      ...report,
      previousDate: null,
      rejected: 3,
      positions: [unpriced]
    })
    assert.match(html, /<td>no price of NEVER on this date<\/td>/)
    assert.match(html, /There is no earlier date to compare with/)
    assert.match(html, /3 rows rejected/)
    assert.doesNotMatch(html, /<rect/)
  })
})
