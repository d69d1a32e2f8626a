import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { app } from './seven-minutes.ts'

describe('/api/v1/watchlist', () => {
  it('has a row for each symbol, with what is not known as null', async () => {
    const { watchlist } = (await app.inject('/api/v1/watchlist?timeframe=1m')).json<{
      watchlist: readonly Readonly<Record<string, unknown>>[]
    }>()
    const [apple, microsoft] = watchlist
    assert.deepEqual(
      watchlist.map(({ symbol }) => symbol),
      ['AAPL', 'MSFT']
    )
    assert.equal(apple?.['change'], 20)
    assert.equal(apple['changeShare'], 0.25)
    assert.equal(apple['volume'], 5000)
    assert.equal(microsoft?.['lastPrice'], null)
    assert.equal(microsoft['trend'], '')
    assert.match(String(microsoft['verdict']), /too few scores|no forecast/)
  })
})
