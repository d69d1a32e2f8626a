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

  it('keeps the direction of the last move over an equal price, also of the next day', () => {
    const rule = new TickRule()
    assert.deepEqual(rule.next('A', 10, '2026-11-24'), { direction: 0, squaredReturn: 0 })
    assert.deepEqual(rule.next('A', 10, '2026-11-24'), { direction: 0, squaredReturn: 0 })
    rule.next('A', 9, '2026-11-24')
    assert.deepEqual(rule.next('A', 9, '2026-11-24'), { direction: -1, squaredReturn: 0 })
    assert.deepEqual(rule.next('A', 9, '2026-11-25'), { direction: -1, squaredReturn: 0 })
    assert.deepEqual(rule.next('A', 12, '2026-11-26'), { direction: 1, squaredReturn: 0 })
    assert.deepEqual(rule.next('A', 12, '2026-11-26'), { direction: 1, squaredReturn: 0 })
  })

  it('rounds a squared return to 1e-8 of its unit', () => {
    const rule = new TickRule()
    rule.next('A', 3, '2026-11-24')
    const { squaredReturn } = rule.next('A', 4, '2026-11-24')
    assert.equal(squaredReturn, Math.round(Math.log(4 / 3) ** 2 * 1e16) / 1e8)
  })

  it('stores the prints by trading date, each as price, direction and symbol', () => {
    const rule = new TickRule()
    const days = { first: '2026-11-24', second: '2026-11-25' }
    rule.next('A', 100, days.first)
    rule.next('A', 189.25, days.first)
    rule.next('B', 10, days.first)
    rule.next('C', 1, days.first)
    rule.next('C', 0.5, days.second)
    assert.deepEqual(rule.toState(), {
      [days.first]: '189.25uA\n10zB\n',
      [days.second]: '0.5dC\n'
    })
  })

  it('passes over what is no print in a stored state', () => {
    const rule = new TickRule({ '2026-11-24': 'x 10xA 1xu10uB 5uC', '2026-11-25': '' })
    assert.deepEqual(rule.toState(), { '2026-11-24': '5uC\n' })
    assert.deepEqual(rule.next('C', 5, '2026-11-24'), { direction: 1, squaredReturn: 0 })
  })
})
