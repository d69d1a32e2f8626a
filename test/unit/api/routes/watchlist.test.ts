import { DEFAULT_TIMEFRAMES } from '@tapedeck/domain'
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

describe('/api/v1/choices', () => {
  const choices = async (parameters: string): Promise<string[]> => {
    const answer = await app.inject(`/api/v1/choices?${parameters}`)
    return answer
      .json<{ choices: readonly { readonly value: string }[] }>()
      .choices.map(({ value }) => value)
  }

  it('has the symbols, and the timeframes that are made, with auto where a range can choose', async () => {
    assert.deepEqual(await choices('of=symbol'), ['AAPL', 'MSFT'])
    const made = await choices('of=timeframe')
    assert.deepEqual(made, DEFAULT_TIMEFRAMES)
    assert.deepEqual(await choices('of=timeframe-or-auto'), ['auto', ...made])
  })

  it('has the horizons of the forecasts of a timeframe, and one where none are made', async () => {
    assert.deepEqual(await choices('of=horizon&timeframe=1m'), ['1', '5'])
    assert.deepEqual(await choices('of=horizon&timeframe=100t'), ['1'])
  })
})
