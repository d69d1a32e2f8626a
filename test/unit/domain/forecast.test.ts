import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  Bar,
  ForecastBook,
  forecastLine,
  studentT975,
  windowAt,
  type Timeframe
} from '@tapedeck/domain'
import { START_MS } from '../../support/trades.ts'

function finalBar(
  startMs: number,
  close: number,
  timeframe: Timeframe = '1m',
  symbol = 'AAPL'
): Bar {
  const window = windowAt(symbol, timeframe, startMs)
  const bar = new Bar({
    symbol,
    timeframe,
    ...window,
    status: 'final',
    revision: 0,
    lateCount: 0,
    offset: 1
  })
  bar.tally.add({
    tMs: startMs,
    connection: 'a',
    sequence: 1,
    price: close,
    size: 1,
    eligibility: 15,
    session: symbol.includes(':') ? 'continuous' : 'regular',
    feed: 'simulated',
    direction: 0,
    squaredReturn: 0
  })
  return bar
}

describe('forecastLine()', () => {
  it('continues an exact line, with no error and a band of no width', () => {
    const line = forecastLine(
      [
        { x: -2, y: 10 },
        { x: -1, y: 12 },
        { x: 0, y: 14 }
      ],
      1
    )
    assert.deepEqual(
      [line?.slope, line?.intercept, line?.forecast, line?.r2, line?.lower, line?.upper],
      [2, 14, 16, 1, 16, 16]
    )
  })

  it('gives the textbook prediction interval', () => {
    // x 1..5, y 2 4 5 4 5: slope 0.6, intercept 2.2, s^2 = 2.4 / 3, t(3) = 3.182446
    const points = [2, 4, 5, 4, 5].map((y, index) => ({ x: index - 4, y }))
    const line = forecastLine(points, 1)
    assert.ok(line !== undefined)
    const half = 3.182446305 * Math.sqrt(0.8) * Math.sqrt(1 + 1 / 5 + 9 / 10)
    assert.ok(Math.abs(line.forecast - 5.8) < 1e-12)
    assert.ok(Math.abs(line.standardError - Math.sqrt(0.8)) < 1e-12)
    assert.ok(Math.abs(line.upper - (5.8 + half)) < 1e-9)
    assert.ok(Math.abs(line.r2 - 0.6) < 1e-12)
  })

  it('gives slope 0 and the price itself for a flat price, also a high one', () => {
    const line = forecastLine(
      [-3, -2, -1, 0].map((x) => ({ x, y: 100_000.01 })),
      1
    )
    assert.deepEqual([line?.slope, line?.forecast, line?.r2], [0, 100_000.01, 1])
  })

  it('makes nothing of fewer than three points', () => {
    assert.equal(
      forecastLine(
        [
          { x: -1, y: 1 },
          { x: 0, y: 2 }
        ],
        1
      ),
      undefined
    )
  })
})

describe('studentT975()', () => {
  it('meets the published quantiles', () => {
    for (const [df, quantile] of [
      [1, 12.7062],
      [10, 2.2281],
      [13, 2.1604],
      [30, 2.0423],
      [120, 1.9799]
    ] as const) {
      assert.ok(Math.abs(studentT975(df) - quantile) < 6e-5, `${df}: ${studentT975(df)}`)
    }
  })
})

describe('ForecastBook', () => {
  it('forecasts the next bar from three on, and scores it when it is final', () => {
    const book = new ForecastBook(20)
    const bars = [0, 1, 2].map((i) => finalBar(START_MS + i * 60_000, 100 + i))
    const first = book.advance(bars, 5)
    assert.equal(first.made.length, 1)
    const [forecast] = first.made
    assert.deepEqual(
      [
        forecast?.targetMs,
        forecast?.forecast,
        forecast?.lastClose,
        forecast?.status,
        forecast?.createdAtMs
      ],
      [START_MS + 180_000, 103, 102, 'open', 5]
    )
    const second = book.advance([finalBar(START_MS + 180_000, 103.5)], 6)
    assert.deepEqual(
      second.settled.map(({ id, status, actual, createdAtMs }) => [
        id,
        status,
        actual,
        createdAtMs
      ]),
      [[forecast?.id, 'scored', 103.5, 5]]
    )
  })

  it('voids a forecast whose target bar never came, with the reason', () => {
    const book = new ForecastBook(20)
    book.advance(
      [0, 1, 2].map((i) => finalBar(START_MS + i * 60_000, 100)),
      0
    )
    const { settled } = book.advance([finalBar(START_MS + 600_000, 101)], 0)
    assert.deepEqual(
      settled.map(({ status, reason }) => [status, reason]),
      [['void', 'no trade in the target bar']]
    )
  })

  it('never looks across a session break', () => {
    const book = new ForecastBook(20)
    const closeMs = Date.UTC(2026, 2, 10, 20, 0)
    const lastThree = [3, 2, 1].map((i) => finalBar(closeMs - i * 60_000, 100))
    // The next window is the post session's: nothing is forecast.
    assert.deepEqual(book.advance(lastThree, 0).made, [])
    const nextDay = Date.UTC(2026, 2, 11, 14, 0)
    const { made } = book.advance([finalBar(nextDay, 200), finalBar(nextDay + 60_000, 201)], 0)
    assert.deepEqual(made, [])
  })

  it('forecasts trading days from trading days', () => {
    const book = new ForecastBook(20)
    const days = [9, 10, 11].map((day) => finalBar(Date.UTC(2026, 2, day, 15), 100 + day, '1d'))
    const { made } = book.advance(days, 0)
    assert.ok(Math.abs((made[0]?.forecast ?? 0) - 112) < 1e-9)
  })

  it('gives the same forecasts whether it ran through or took its history up again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 900, max: 1100 }), { minLength: 8, maxLength: 40 }),
        fc.nat(),
        (closes, cut) => {
          const bars = closes.map((close, i) =>
            finalBar(START_MS + i * 60_000, close / 10, '1m', 'X:Y')
          )
          const split = 1 + (cut % (bars.length - 1))
          const through = new ForecastBook(6)
          through.advance(bars.slice(0, split), 0)
          const { made: openOnes } = new ForecastBook(6).advance(bars.slice(0, split), 0)
          const expected = through.advance(bars.slice(split), 0)

          const again = new ForecastBook(6)
          const [request] = again.missing(bars.slice(split))
          assert.deepEqual(request?.beforeMs, bars[split]?.startMs)
          again.adopt({
            symbol: 'X:Y',
            timeframe: '1m',
            bars: bars.slice(Math.max(0, split - 6), split).map(({ startMs, tally }) => ({
              startMs,
              close: tally.close ?? 0,
              session: tally.session,
              tradeDate: new Date(startMs).toISOString().slice(0, 10)
            })),
            open: openOnes.findLast(({ status }) => status === 'open')
          })
          assert.deepEqual(again.advance(bars.slice(split), 0), expected)
        }
      )
    )
  })
})
