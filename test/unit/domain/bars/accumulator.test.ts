import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ACCUMULATOR_SUMS, BarAccumulator, MAY, precedes, type BarTrade } from '@tapedeck/domain'
import fc from 'fast-check'

describe('BarAccumulator', () => {
  const aTrade = (price: number, sequence: number): BarTrade => ({
    tMs: sequence,
    connection: 'c',
    sequence,
    price,
    size: 1,
    eligibility: 15,
    session: 'regular',
    feed: 'x',
    direction: 0,
    squaredReturn: 0
  })

  it('has the mean and standard deviation of the prices, at any height and without cancellation', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0.0001, 1, 189, 5000, 100_000),
        fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 60 }),
        (base, steps) => {
          const accumulator = new BarAccumulator()
          const units = steps.map((step) => Math.round(base * 1e8) + step)
          units.forEach((unit, index) => accumulator.add(aTrade(unit / 1e8, index)))
          // The same in big integers.
          const n = BigInt(units.length)
          const sum = units.reduce((total, unit) => total + BigInt(unit), 0n)
          const squares = units.reduce((total, unit) => total + BigInt(unit) ** 2n, 0n)
          const expected = Math.sqrt(Number(n * squares - sum * sum)) / units.length / 1e8
          const sd = accumulator.sdPrice ?? NaN
          assert.ok(
            Math.abs(sd - expected) <= 1e-12 * Math.max(expected, 1e-300),
            `${sd} ${expected}`
          )
          const mean = Number(sum) / units.length / 1e8
          assert.ok(Math.abs((accumulator.meanPrice ?? NaN) - mean) <= 1e-12 * mean)
        }
      )
    )
  })

  it('has none without a price', () => {
    const accumulator = new BarAccumulator()
    accumulator.add({ ...aTrade(10, 0), eligibility: 4 })
    assert.deepEqual(
      {
        meanPrice: accumulator.meanPrice,
        sdPrice: accumulator.sdPrice,
        logReturn: accumulator.logReturn,
        realisedVolatility: accumulator.realisedVolatility
      },
      { meanPrice: null, sdPrice: null, logReturn: null, realisedVolatility: null }
    )
  })

  it('has no sum, no price and no extreme while it is empty', () => {
    const { volume, notional, vwap, open, high, low, close, tradeCount, session, feed } =
      new BarAccumulator()
    assert.deepEqual(
      { volume, notional, vwap, open, high, low, close, tradeCount, session, feed },
      {
        volume: 0,
        notional: 0,
        vwap: null,
        open: null,
        high: null,
        low: null,
        close: null,
        tradeCount: 0,
        session: 'mixed',
        feed: 'mixed'
      }
    )
  })

  it('takes of each trade what its conditions allow, and nothing else', () => {
    const of = (eligibility: number) => {
      const accumulator = new BarAccumulator()
      accumulator.add({ ...aTrade(10, 0), size: 3, eligibility })
      const { open, high, low, close, volume, notional, vwap, meanPrice, tradeCount } = accumulator
      return { open, high, low, close, volume, notional, vwap, meanPrice, tradeCount }
    }
    const nothing = {
      open: null,
      high: null,
      low: null,
      close: null,
      volume: 0,
      notional: 0,
      vwap: null,
      meanPrice: null,
      tradeCount: 1
    }
    assert.deepEqual(of(0), nothing)
    assert.deepEqual(of(MAY.setHighLow), { ...nothing, high: 10, low: 10 })
    assert.deepEqual(of(MAY.setLast), { ...nothing, open: 10, close: 10, meanPrice: 10 })
    assert.deepEqual(of(MAY.setLastIfNone), { ...nothing, open: 10, close: 10 })
    assert.deepEqual(of(MAY.addVolume), { ...nothing, volume: 3 })
    assert.deepEqual(of(MAY.addVolume | MAY.setLast), {
      ...nothing,
      open: 10,
      close: 10,
      meanPrice: 10,
      volume: 3,
      notional: 30,
      vwap: 10
    })
  })

  it('takes the earliest trade that may only set the price if no other does, until another does', () => {
    const accumulator = new BarAccumulator()
    const fallback = { eligibility: MAY.setLastIfNone | MAY.addVolume }
    accumulator.add({ ...aTrade(12, 5), ...fallback })
    accumulator.add({ ...aTrade(11, 4), ...fallback })
    accumulator.add({ ...aTrade(13, 6), ...fallback })
    assert.deepEqual([accumulator.open, accumulator.close], [11, 11])
    assert.equal(accumulator.logReturn, 0)
    accumulator.add(aTrade(20, 9))
    assert.deepEqual([accumulator.open, accumulator.close], [20, 20])
  })

  it('has the prices, the volumes by direction and the volatility of hand-made trades', () => {
    const accumulator = new BarAccumulator()
    const trade = (tMs: number, price: number, size: number, direction: number): BarTrade => ({
      ...aTrade(price, tMs),
      size,
      direction,
      squaredReturn: direction === 0 ? 0 : 4e4
    })
    accumulator.add(trade(30, 10, 5, 0))
    accumulator.add(trade(10, 12, 7, 1))
    accumulator.add(trade(40, 9, 11, -1))
    accumulator.add(trade(20, 11, 13, -1))
    const { open, high, low, close, firstTradeMs, lastTradeMs, tradeCount } = accumulator
    assert.deepEqual(
      { open, high, low, close, firstTradeMs, lastTradeMs, tradeCount },
      { open: 12, high: 12, low: 9, close: 9, firstTradeMs: 10, lastTradeMs: 40, tradeCount: 4 }
    )
    const { upVolume, downVolume, unchangedVolume, volume, notional, vwap } = accumulator
    assert.deepEqual(
      { upVolume, downVolume, unchangedVolume, volume, notional, vwap },
      {
        upVolume: 7,
        downVolume: 24,
        unchangedVolume: 5,
        volume: 36,
        notional: 376,
        vwap: 376 / 36
      }
    )
    assert.equal(accumulator.logReturn, Math.log(9 / 12))
    // Three squared returns of 4e4 x 1e-8.
    assert.equal(accumulator.realisedVolatility, Math.sqrt(12e4 / 1e8))
    assert.equal(accumulator.exactVolume.toNumber(), 36)
  })

  it('is stored with its sums in the order of ACCUMULATOR_SUMS, and with the places of its prices', () => {
    assert.deepEqual(ACCUMULATOR_SUMS, [
      'volume',
      'notional',
      'vwapVolume',
      'prices',
      'squares',
      'squaredReturns',
      'upVolume',
      'downVolume',
      'unchangedVolume'
    ])
    const accumulator = new BarAccumulator()
    const fallback = { eligibility: MAY.setLastIfNone | MAY.addVolume }
    accumulator.add({ ...aTrade(7, 1), ...fallback, size: 100 })
    accumulator.add({ ...aTrade(10, 2), size: 2, direction: 1, squaredReturn: 3 })
    accumulator.add({ ...aTrade(11, 3), size: 4, direction: -1, squaredReturn: 5 })
    accumulator.add({ ...aTrade(11, 4), size: 8 })
    const stored = {
      sums: [114, 152, 14, 32, 342, 8, 2, 4, 8].map((sum) => sum * 1e8),
      priceCount: 3,
      first: [2, 'c', 2, 10],
      last: [4, 'c', 4, 11],
      fallback: [1, 'c', 1, 7]
    }
    assert.deepEqual(accumulator.exactParts(), stored)
    assert.deepEqual(accumulator.toStored(), {
      ...stored,
      high: 11,
      low: 10,
      tradeCount: 4,
      firstTradeMs: 1,
      lastTradeMs: 4,
      session: 'regular',
      feed: 'x'
    })
    assert.deepEqual(new BarAccumulator().exactParts(), {
      sums: [0, 0, 0, 0, 0, 0, 0, 0, 0],
      priceCount: 0,
      first: null,
      last: null,
      fallback: null
    })
  })

  it('names a session and a feed that all trades share, else mixed, also when merged', () => {
    const of = (...trades: Partial<BarTrade>[]): BarAccumulator => {
      const accumulator = new BarAccumulator()
      for (const trade of trades) accumulator.add({ ...aTrade(1, 0), ...trade })
      return accumulator
    }
    const names = ({ session, feed }: BarAccumulator) => ({ session, feed })
    assert.deepEqual(names(of({}, {})), { session: 'regular', feed: 'x' })
    const pre = of({}, { session: 'pre' })
    assert.deepEqual(names(pre), { session: 'mixed', feed: 'x' })
    const other = of({}, { feed: 'y' })
    assert.deepEqual(names(other), { session: 'regular', feed: 'mixed' })
    pre.merge(other)
    assert.deepEqual(names(pre), { session: 'mixed', feed: 'mixed' })
    const merged = new BarAccumulator()
    merged.merge(of({}))
    merged.merge(new BarAccumulator())
    assert.deepEqual(names(merged), { session: 'regular', feed: 'x' })
  })

  const trades: fc.Arbitrary<BarTrade> = fc.record({
    tMs: fc.nat(20),
    connection: fc.constantFrom('a', 'b'),
    sequence: fc.nat(20),
    price: fc.integer({ min: 1, max: 999_999 }).map((cents) => cents / 100),
    size: fc.nat(50_000).map((units) => units / 1e5),
    eligibility: fc.nat(15),
    session: fc.constantFrom('pre', 'regular'),
    feed: fc.constantFrom('x', 'y'),
    direction: fc.constantFrom(-1, 0, 1),
    squaredReturn: fc.nat(1000)
  })
  const folded = (list: readonly BarTrade[]): BarAccumulator => {
    const accumulator = new BarAccumulator()
    for (const trade of list) accumulator.add(trade)
    return accumulator
  }

  it('is the same whether trades are added, merged or restored on the way', () => {
    const places = {
      selector: ({ tMs, connection, sequence }: BarTrade) => `${tMs}${connection}${sequence}`
    }
    fc.assert(
      fc.property(fc.uniqueArray(trades, { ...places, maxLength: 20 }), fc.nat(20), (list, cut) => {
        const expected = folded(list).toStored()
        const merged = folded(list.slice(cut))
        merged.merge(folded(list.slice(0, cut)))
        assert.deepEqual(merged.toStored(), expected)
        const restored = new BarAccumulator(folded(list.slice(0, cut)).toStored())
        assert.deepEqual(restored.toStored(), folded(list.slice(0, cut)).toStored())
        if (cut > 0 && list.length > 0) {
          for (const trade of list.slice(cut)) restored.add(trade)
          assert.deepEqual(restored.toStored(), expected)
        }
      })
    )
  })
})

describe('precedes()', () => {
  const print = { tMs: 5, connection: 'b', sequence: 5, price: 1 }
  it('orders prints by time, then by connection, then by sequence', () => {
    for (const earlier of [
      { ...print, tMs: 4, connection: 'c', sequence: 9 },
      { ...print, connection: 'a', sequence: 9 },
      { ...print, sequence: 4 }
    ]) {
      assert.ok(precedes(earlier, print))
      assert.ok(!precedes(print, earlier))
    }
    assert.ok(!precedes(print, { ...print, price: 2 }))
  })
})
