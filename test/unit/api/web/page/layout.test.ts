import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  addressOf,
  CHART_TYPES,
  horizonsOf,
  readLayout,
  type Layout
} from '../../../../../services/api/src/web/page/layout.ts'

const OFFER = {
  timeframes: ['1s', '5s', '1m', '5m/1m', '100t'],
  forecasts: ['1m:5', '1m:1', '5s:12', '5m/1m:2'],
  models: ['linear-regression', 'exponential']
} as const

describe('readLayout()', () => {
  it('begins with the nearest usual choice', () => {
    const layout = readLayout('', null, OFFER)
    assert.equal(layout.timeframe, '5s')
    assert.equal(layout.horizon, 12)
    assert.equal(layout.model, 'linear-regression')
    assert.equal(layout.type, 'candles')
    assert.deepEqual(layout.indicators, [])
    assert.ok(layout.parts.includes('sessionVwap'))
    assert.equal(readLayout('', null, { ...OFFER, timeframes: ['1m'] }).timeframe, '1m')
  })

  it('takes the address before what was stored, and leaves out what does not fit', () => {
    const stored = JSON.stringify({
      timeframe: '1m',
      type: 'bars',
      theme: 'dark',
      parts: ['volume', 'x']
    })
    const layout = readLayout(
      '#symbol=MSFT&timeframe=1s&horizon=7&model=x&indicators=rsi:9,x',
      stored,
      OFFER
    )
    assert.equal(layout.symbol, 'MSFT')
    assert.equal(layout.timeframe, '1s')
    assert.equal(layout.horizon, undefined)
    assert.equal(layout.model, 'linear-regression')
    assert.equal(layout.type, 'bars')
    assert.equal(layout.theme, 'dark')
    assert.deepEqual(layout.parts, ['volume'])
    assert.deepEqual(layout.indicators, ['rsi:9'])
  })

  it('does without a storage that is broken', () => {
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.string(), fc.json()), (hash, stored) => {
        const { timeframe, model } = readLayout(hash, stored, OFFER)
        assert.ok((OFFER.timeframes as readonly string[]).includes(timeframe))
        assert.ok((OFFER.models as readonly string[]).includes(model))
      })
    )
  })
})

describe('addressOf()', () => {
  const layouts: fc.Arbitrary<Layout> = fc
    .record({
      symbol: fc.constantFrom('AAPL', 'BINANCE:BTCUSDT', 'M&M.NS', 'BINANCE:币安人生USDT'),
      timeframe: fc.constantFrom(...OFFER.timeframes),
      model: fc.constantFrom(...OFFER.models),
      type: fc.constantFrom(...CHART_TYPES),
      indicators: fc.subarray(['sma:20', 'ema:50', 'bollinger:20:2', 'rsi:14', 'macd:12:26:9'])
    })
    .map((layout) => ({
      ...layout,
      horizon: horizonsOf(OFFER, layout.timeframe).at(-1),
      parts: readLayout('', null, OFFER).parts,
      theme: 'auto'
    }))

  it('is read back as the same layout', () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        assert.deepEqual(readLayout(addressOf(layout, OFFER), null, OFFER), layout)
      })
    )
  })
})

describe('horizonsOf()', () => {
  it('lists the horizons of a timeframe in order, also of a hopping one', () => {
    assert.deepEqual(horizonsOf(OFFER, '1m'), [1, 5])
    assert.deepEqual(horizonsOf(OFFER, '5m/1m'), [2])
    assert.deepEqual(horizonsOf(OFFER, '100t'), [])
  })
})
