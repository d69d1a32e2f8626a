import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TickRule } from '@tapedeck/domain'

describe('TickRule', () => {
  const directions = (rule: TickRule, prices: readonly number[]): number[] =>
    prices.map((price) => rule.next('A', price, '2026-11-24').direction)

  it('reads a price above the last as up, below as down, at it as the move before', () => {
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
    assert.deepEqual(
      { direction: overnight.direction, squaredReturn: overnight.squaredReturn },
      { direction: 1, squaredReturn: 0 }
    )
  })

  it('continues after a restart without a difference, whatever the symbols and prices', () => {
    const symbols = fc.constantFrom(
      'A',
      'BRK.B',
      'BINANCE:BTC-USDT',
      'X=Y',
      'FX:EUR+USD',
      'IC MARKETS:1'
    )
    const prices = fc.double({ min: 1e-50, max: 1e50, noNaN: true })
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
