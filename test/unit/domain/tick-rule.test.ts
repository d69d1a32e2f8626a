import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BarAccumulator, TickRule, type BarTrade } from '@tapedeck/domain'

describe('TickRule', () => {
  const directions = (rule: TickRule, prices: readonly number[]): number[] =>
    prices.map((price) => rule.next('A', price, '2026-11-24').direction)

  it('takes a price above the last for up, below for down, at it for the move before', () => {
    assert.deepEqual(
      directions(new TickRule(), [10, 10, 11, 11, 10.5, 10.5, 10.6]),
      [0, 0, 1, 1, -1, -1, 1]
    )
  })

  it('sums squared log returns within a trading date and not across the night', () => {
    const rule = new TickRule()
    rule.next('A', 100, '2026-11-24')
    assert.ok(
      Math.abs(rule.next('A', 101, '2026-11-24').squaredReturn / 1e8 - Math.log(1.01) ** 2) < 1e-16
    )
    const overnight = rule.next('A', 150, '2026-11-25')
    assert.deepEqual([overnight.direction, overnight.squaredReturn], [1, 0])
  })

  it('goes on after a restart as if there had been none, whatever the symbols and prices', () => {
    const symbols = fc.constantFrom('A', 'BRK.B', 'BINANCE:BTC-USDT', 'X=Y', 'FX:EUR+USD')
    const prices = fc.double({ min: 1e-9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(symbols, prices, fc.constantFrom('2026-11-24', '2026-11-25')), {
          minLength: 1,
          maxLength: 40
        }),
        fc.nat(),
        (trades, cut) => {
          const straight = new TickRule()
          let restarted = new TickRule()
          trades.forEach(([symbol, price, date], index) => {
            if (index === cut % trades.length) {
              restarted = new TickRule(
                JSON.parse(JSON.stringify(restarted.toState())) as Record<string, string>
              )
            }
            assert.deepEqual(
              restarted.next(symbol, price, date),
              straight.next(symbol, price, date)
            )
          })
        }
      )
    )
  })

  it('keeps ten thousand symbols in a state of less than 400 kB', () => {
    const rule = new TickRule()
    for (let i = 0; i < 10_000; i++) rule.next(`SYM${i}`, 100 + i / 100, '2026-11-24')
    assert.ok(JSON.stringify(rule.toState()).length < 400_000)
  })
})

describe('what a accumulator says of its prices', () => {
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
      [
        accumulator.meanPrice,
        accumulator.sdPrice,
        accumulator.logReturn,
        accumulator.realisedVolatility
      ],
      [null, null, null, null]
    )
  })
})
