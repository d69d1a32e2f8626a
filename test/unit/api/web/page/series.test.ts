import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TradeRow } from '@tapedeck/client'
import fc from 'fast-check'
import {
  BarSeries,
  isClocked,
  placeOf,
  windowMsOf,
  type ChartBar,
  type ChartForecast
} from '../../../../../services/api/src/web/page/series.ts'
import { aChartBar } from './a-chart-bar.ts'

const aTrade = (parts: Partial<TradeRow>): TradeRow => ({
  id: 'a-1-0',
  symbol: 'AAPL',
  time: 0,
  tradedAt: '',
  price: 100,
  size: 10,
  conditions: null,
  session: 'regular',
  tradeDate: '2026-03-10',
  eligible: 'price and volume',
  receivedAt: 0,
  feed: 'simulated',
  ...parts
})

const aForecast = (parts: Partial<ChartForecast>): ChartForecast =>
  ({
    id: 'f',
    model: 'm',
    horizon: 1,
    time: 0,
    targetEnd: 5000,
    status: 'open',
    forecast: 100,
    ...parts
  }) as ChartForecast

function seriesOf(bars: readonly ChartBar[], timeframe = '5s'): BarSeries {
  const series = new BarSeries(timeframe)
  series.addBars(bars)
  return series
}

describe('BarSeries', () => {
  it('ends with the newest version of each bar in order of time, however the versions come', () => {
    const versions = [0, 1, 2].flatMap((index) => [
      aChartBar(index, { status: 'provisional', tradeCount: 1 }),
      aChartBar(index, { status: 'provisional', tradeCount: 2 }),
      aChartBar(index, { status: 'final', tradeCount: 2 }),
      aChartBar(index, { status: 'revised', revision: 1 }),
      aChartBar(index, { status: 'revised', revision: 2 })
    ])
    fc.assert(
      fc.property(fc.shuffledSubarray(versions, { minLength: versions.length }), (shuffled) => {
        const series = new BarSeries('5s')
        for (const bar of shuffled) series.addBars([bar])
        assert.deepEqual(
          series.bars.map(({ time, revision }) => [time, revision]),
          [0, 1, 2].map((index) => [index * 5000, 2])
        )
      })
    )
  })

  it('says whether a bar is new, so that the axis is made again only then', () => {
    const series = seriesOf([aChartBar(0)])
    assert.equal(series.addBars([aChartBar(0, { status: 'revised', revision: 1 })]), false)
    assert.equal(series.addBars([aChartBar(1)]), true)
  })

  it('moves the open bar by a trade, and keeps its close when an older version of the bar comes', () => {
    const open = aChartBar(0, {
      status: 'provisional',
      close: 100,
      high: 101,
      tradeCount: 3,
      volume: 30
    })
    const series = seriesOf([open])
    assert.ok(series.applyTrade(aTrade({ time: 4000, price: 105 })))
    series.addBars([open])
    const [bar] = series.bars
    assert.equal(bar?.close, 105)
    assert.equal(bar?.high, 105)
    assert.equal(bar?.volume, 40)
    assert.equal(series.addBars([{ ...open, status: 'final', close: 104, tradeCount: 3 }]), false)
    assert.equal(series.bars[0]?.close, 104)
  })

  it('moves no price by a trade that may set none, and no final bar', () => {
    const series = seriesOf([aChartBar(0, { status: 'provisional', close: 100 })])
    series.applyTrade(aTrade({ time: 1000, price: 105, eligible: 'volume' }))
    assert.equal(series.bars[0]?.close, 100)
    assert.equal(series.applyTrade(aTrade({ time: 5000 })), false)
    assert.equal(seriesOf([aChartBar(0)]).applyTrade(aTrade({ time: 1000 })), false)
  })

  it('has a place for each window of a session, also without a trade, but not for a night', () => {
    const night = 1000
    const series = seriesOf([aChartBar(0), aChartBar(3), aChartBar(night)])
    const slots = series.slots()
    assert.deepEqual(
      slots.map(({ time, bar }) => [time / 5000, bar !== undefined]),
      [
        [0, true],
        [1, false],
        [2, false],
        [3, true],
        [night, true]
      ]
    )
  })

  it('reaches to the end of open forecasts and of an outage that lasts', () => {
    const series = seriesOf([aChartBar(0)])
    series.addForecasts([aForecast({ time: 10_000, targetEnd: 15_000 })], 'm', 1)
    assert.equal(series.slots().length, 3)
    assert.equal(series.slots([], false).length, 1)
    const outage = {
      id: 'g',
      time: 1,
      timeEnd: 22_000,
      isOpen: true,
      symbols: [],
      log: null,
      feed: 'simulated',
      cause: 'closed',
      seconds: null,
      text: ''
    }
    assert.equal(series.slots([outage]).length, 5)
  })

  it('gives counted bars of one millisecond a place each', () => {
    const bars = [aChartBar(0, { id: 'a' }), aChartBar(0, { id: 'b' }), aChartBar(0, { id: 'c' })]
    const times = seriesOf(bars, '100t')
      .slots()
      .map(({ time }) => time)
    assert.deepEqual(times, [0, 1, 2])
  })

  it('keeps forecasts of the model and horizon on show, and the score over the open version', () => {
    const series = seriesOf([aChartBar(0)])
    assert.equal(
      series.addForecasts([aForecast({ model: 'x' }), aForecast({ horizon: 2 })], 'm', 1),
      false
    )
    series.addForecasts([aForecast({ status: 'scored' })], 'm', 1)
    series.addForecasts([aForecast({ status: 'open' })], 'm', 1)
    assert.deepEqual(
      series.forecasts.map(({ status }) => status),
      ['scored']
    )
  })
})

describe('windowMsOf()', () => {
  it('is the length, the hop, or the mean distance of counted bars', () => {
    assert.equal(windowMsOf('15m'), 900_000)
    assert.equal(windowMsOf('5m/1m'), 60_000)
    assert.equal(windowMsOf('regular'), 86_400_000)
    assert.equal(windowMsOf('100t', [{ time: 0 }, { time: 2000 }, { time: 8000 }]), 4000)
    assert.ok(isClocked('5m/1m'))
    assert.ok(!isClocked('1d') && !isClocked('100t'))
  })
})

describe('placeOf()', () => {
  const slots = [0, 5000, 10_000, 100_000].map((time) => ({ time, bar: undefined }))

  it('is the number of the window, with the share of it that is over', () => {
    assert.equal(placeOf(slots, 0, 5000), 0)
    assert.equal(placeOf(slots, 7500, 5000), 1.5)
    assert.equal(placeOf(slots, -1, 5000), 0)
  })

  it('stays before the next place where the axis leaves out time', () => {
    assert.equal(placeOf(slots, 60_000, 5000), 3)
    assert.equal(placeOf(slots, 100_000, 5000), 3)
  })
})
