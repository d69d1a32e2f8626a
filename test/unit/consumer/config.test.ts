import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig as readConsumer } from '@tapedeck/consumer/testing'
import { readConfig as readProducer } from '@tapedeck/producer/testing'
import { hasCode } from '@tapedeck/core'

const SERVERS = { KAFKA_BROKERS: 'a:9092', MONGODB_URI: 'mongodb://a' }

describe('consumer configuration', () => {
  it('has defaults that work', () => {
    const { fold, forecasts } = readConsumer(SERVERS)
    assert.deepEqual(fold, {
      timeframes: ['1s', '5s', '1m', '5m', '15m', '1h', '1d'],
      policy: 'feed',
      allowedDelayMs: 2000,
      latenessLimitMs: 86_400_000,
      futureLimitMs: 60_000,
      redelivered: 'drop'
    })
    assert.deepEqual(
      forecasts.map(({ timeframe, lookback, horizon }) => ({ timeframe, lookback, horizon })),
      [
        { timeframe: '1m', lookback: 20, horizon: 1 },
        { timeframe: '1m', lookback: 60, horizon: 5 },
        { timeframe: '5s', lookback: 60, horizon: 12 }
      ]
    )
  })

  it('wants the bars that forecasts are made from, and by default makes those it can', () => {
    assert.deepEqual(readConsumer({ ...SERVERS, TIMEFRAMES: '1s' }).forecasts, [])
    assert.throws(
      () => readConsumer({ ...SERVERS, TIMEFRAMES: '1s', FORECASTS: '1m:20:1' }),
      /FORECASTS: '1m:20:1' needs bars of 1m, expected it in TIMEFRAMES/
    )
  })

  it('names every mistake', () => {
    assert.throws(
      () => readConsumer({ CONDITION_POLICY: 'strict', FORECASTS: '1m:2:1' }),
      (error) =>
        hasCode(error, 'CONFIG_INVALID') &&
        ['KAFKA_BROKERS', 'MONGODB_URI', 'CONDITION_POLICY', 'FORECASTS'].every((name) =>
          error.message.includes(name)
        )
    )
  })
})

describe('producer configuration', () => {
  it('goes to Finnhub with a token and to the simulator without', () => {
    const simulated = readProducer({ ...SERVERS, SIMULATOR_URL: 'ws://sim:9200' })
    assert.deepEqual(
      { url: simulated.vendor.url, feedName: simulated.feedName },
      { url: 'ws://sim:9200', feedName: 'simulated' }
    )
    const live = readProducer({ ...SERVERS, SIMULATOR_URL: 'ws://sim:9200', FINNHUB_TOKEN: 'k' })
    assert.deepEqual(
      { url: live.vendor.url, feedName: live.feedName },
      { url: 'wss://ws.finnhub.io', feedName: 'finnhub' }
    )
    const pointed = readProducer({ ...SERVERS, FINNHUB_URL: 'ws://mine:1', FINNHUB_TOKEN: 'k' })
    assert.equal(pointed.vendor.url, 'ws://mine:1')
  })

  it('goes to Alpaca with both of its keys, and names the one that is missing', () => {
    const keys = { ALPACA_KEY_ID: 'k', ALPACA_SECRET_KEY: 's' }
    const { vendor, feedName } = readProducer({ ...SERVERS, FEED: 'alpaca', ...keys })
    assert.deepEqual({ kind: vendor.kind, feedName }, { kind: 'alpaca', feedName: 'alpaca' })
    assert.throws(
      () => readProducer({ ...SERVERS, FEED: 'alpaca', ALPACA_KEY_ID: 'k' }),
      /ALPACA_SECRET_KEY/
    )
  })

  it('takes an empty limit, as compose passes it on, for the free plan', () => {
    const { symbols, maxSymbols } = readProducer({
      ...SERVERS,
      SIMULATOR_URL: 'ws://sim:9200',
      SYMBOLS: 'AAPL,MSFT',
      FINNHUB_MAX_SYMBOLS: ''
    })
    assert.deepEqual({ symbols, maxSymbols }, { symbols: ['AAPL', 'MSFT'], maxSymbols: 50 })
  })

  it('says what is missing when there is no feed at all', () => {
    assert.throws(
      () => readProducer(SERVERS),
      /FINNHUB_TOKEN is not set, expected a token, or FINNHUB_URL/
    )
  })
})
