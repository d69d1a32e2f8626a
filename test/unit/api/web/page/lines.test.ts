import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { vwapPartOf } from '@tapedeck/domain/indicators'
import {
  hasSessionVwap,
  indicatorLines,
  sessionVwap
} from '../../../../../services/api/src/web/page/lines.ts'
import { aChartBar } from './a-chart-bar.ts'

/** Ten at 100, then thirty at 110. */
const BARS = [
  aChartBar(0, { notional: 1000, volume: 10, vwap: 100 }),
  aChartBar(1, { notional: 3300, volume: 30, vwap: 110 }),
  aChartBar(2, { notional: 500, volume: 5, vwap: 100, session: 'post' })
]

describe('sessionVwap()', () => {
  it('begins at the open of each session', () => {
    const values = sessionVwap(BARS, { isComplete: true, seed: undefined })
    assert.deepEqual(values, [100, 107.5, 100])
  })

  it('is not known in a session that is loaded from its middle on', () => {
    const values = sessionVwap(BARS, { isComplete: false, seed: undefined })
    assert.deepEqual(values, [null, null, 100])
  })

  it('goes on from the sums of what came before', () => {
    const seed = { anchor: '2026-03-10 regular', untilMs: 5000, notional: 2000, volume: 20 }
    const values = sessionVwap(BARS, { isComplete: false, seed })
    assert.deepEqual(values, [null, (2000 + 3300) / 50, 100])
  })

  it('leaves out the volume of trades that do not count for the VWAP', () => {
    const part = vwapPartOf(aChartBar(0, { notional: 1000, volume: 500, vwap: 100 }))
    assert.equal(part.volume, 10)
    assert.equal(vwapPartOf(aChartBar(0, { vwap: null })).volume, 0)
  })

  it('is not made of overlapping windows and of whole days', () => {
    assert.ok(hasSessionVwap('5s'))
    assert.ok(!hasSessionVwap('5m/1m') && !hasSessionVwap('1d'))
  })
})

describe('indicatorLines()', () => {
  it('gives the lines of each indicator with a value for each bar', () => {
    const bars = Array.from({ length: 60 }, (_, index) => aChartBar(index, { close: 100 + index }))
    const lines = indicatorLines(bars, ['sma:20', 'bollinger', 'rsi:14', 'macd', 'nonsense'])
    assert.deepEqual(
      lines.map(({ label, pane }) => `${pane} ${label}`),
      [
        'price SMA 20',
        'price BB 20 2 middle',
        'price upper',
        'price lower',
        'rsi RSI 14',
        'macd MACD 12 26 9 histogram',
        'macd macd',
        'macd signal'
      ]
    )
    for (const { values } of lines) assert.equal(values.length, 60)
    assert.equal(lines[0]?.values[19], 109.5)
    assert.equal(lines[4]?.values.at(-1), 100)
  })

  it('keeps the close before a bar without a price', () => {
    const bars = [aChartBar(0, { close: 100 }), aChartBar(1, { close: null })]
    assert.deepEqual(indicatorLines(bars, ['sma:2'])[0]?.values, [null, 100])
  })
})
