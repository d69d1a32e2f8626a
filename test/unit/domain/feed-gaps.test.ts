import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { coverageOf, GapList, knownGap } from '@tapedeck/domain'
import { aGap, START_MS } from '../../support/trades.ts'

const MINUTE = 60_000
const span = (fromMs: number, toMs: number) => ({ id: `${fromMs}-${toMs}`, fromMs, toMs })

describe('coverageOf()', () => {
  it('is the share of the window without a gap, overlaps counted once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(79), fc.nat(79)), { maxLength: 8 }), (pairs) => {
        const gaps = pairs.map(([a, b]) => span(Math.min(a, b) - 10, Math.max(a, b) - 10))
        let up = 0
        for (let second = 0; second < 60; second++) {
          if (!gaps.some(({ fromMs, toMs }) => fromMs <= second && second < toMs)) up++
        }
        const spans = gaps.map(({ fromMs, toMs }) => span(fromMs * 1000, toMs * 1000))
        const share = coverageOf('AAPL', '1m', 0, MINUTE, spans)
        assert.ok(share !== null && Math.abs(share - up / 60) < 1e-12)
      })
    )
  })

  it('counts a trading day of a stock from pre-market to the end of after-hours', () => {
    const start = Date.parse('2026-11-24T01:00:00Z') // Monday 20:00 New York
    const end = Date.parse('2026-11-25T01:00:00Z')
    const night = span(start, Date.parse('2026-11-24T09:00:00Z'))
    assert.equal(coverageOf('AAPL', '1d', start, end, [night]), 1)
    const hour = span(Date.parse('2026-11-24T15:00:00Z'), Date.parse('2026-11-24T16:00:00Z'))
    assert.equal(coverageOf('AAPL', '1d', start, end, [hour]), 15 / 16)
  })

  it('is unknown before the feed was first followed, and partly known in the window around', () => {
    const before = { id: 'b', fromMs: -Infinity, toMs: 30_000 }
    assert.equal(coverageOf('AAPL', '1s', 0, 1000, [before]), null)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, [before]), 0.5)
  })
})

describe('GapList', () => {
  it('finds the gaps of a window and a symbol, however many there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(100), fc.nat(100), fc.constantFrom('A', 'B', '')), {
          maxLength: 30
        }),
        fc.nat(100),
        (gaps, start) => {
          const list = new GapList()
          const all = gaps.map(([a, b, symbol], index) =>
            aGap(Math.min(a, b), Math.max(a, b), {
              id: `g${index}`,
              symbols: symbol === '' ? [] : [symbol]
            })
          )
          for (const gap of all) list.add(knownGap(gap))
          const expected = all.filter(
            ({ fromMs, toMs, symbols }) =>
              (fromMs ?? 0) < start + 10 &&
              (toMs ?? 0) > start &&
              (symbols.length === 0 || symbols.includes('A'))
          )
          assert.deepEqual(
            list.within({ symbol: 'A', feed: 'simulated' }, start, start + 10),
            expected
              .map(({ id, fromMs, toMs }) => ({
                id,
                fromMs: Math.max(fromMs ?? 0, start),
                toMs: Math.min(toMs ?? 0, start + 10)
              }))
              .toSorted((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
          )
        }
      )
    )
  })

  it('does not depend on the order and the number of versions of a gap', () => {
    const ends = fc.option(fc.nat(50), { nil: null })
    fc.assert(
      fc.property(fc.array(ends, { minLength: 1 }), fc.array(fc.nat()), (versions, order) => {
        const spans = [versions, order.map((index) => versions[index % versions.length] ?? null)]
        const lists = spans.map((all) => {
          const list = new GapList()
          for (const end of [...all, ...versions]) {
            list.add(knownGap(aGap(START_MS, end === null ? null : START_MS + end)))
          }
          return list.within({ symbol: 'AAPL', feed: 'simulated' }, START_MS - 10, START_MS + 100)
        })
        assert.deepEqual(lists[0], lists[1])
      })
    )
  })
})

describe('GapList, of one gap', () => {
  const subject = { symbol: 'AAPL', feed: 'simulated' }
  const endOf = (...ends: readonly (number | null)[]): number | undefined => {
    const list = new GapList()
    const known = ends.map((end) => list.add(knownGap(aGap(0, end))))
    const [found] = list.within(subject, 0, 1000)
    assert.equal(Math.min(known.at(-1)?.toMs ?? NaN, 1000), found?.toMs)
    return found?.toMs
  }

  it('knows the later of two ends, and any end rather than none', () => {
    assert.deepEqual(
      [endOf(5, 7), endOf(7, 5), endOf(null, 5), endOf(5, null), endOf(null)],
      [7, 7, 5, 5, 1000]
    )
  })

  it('keeps that nothing is known of the time before it', () => {
    const list = new GapList()
    list.add(knownGap(aGap(null, 500)))
    assert.deepEqual(list.within(subject, 100, 1000), [{ id: 'g', fromMs: -Infinity, toMs: 500 }])
    assert.deepEqual(list.within(subject, 500, 1000), [])
  })

  it('affects symbols of its feed, and those that several feeds have', () => {
    const list = new GapList()
    list.add(knownGap(aGap(0, 500)))
    const found = ['simulated', 'finnhub', 'mixed'].map(
      (feed) => list.within({ symbol: 'AAPL', feed }, 0, 1000).length
    )
    assert.deepEqual(found, [1, 0, 1])
  })
})

describe('coverageOf(), at its limits', () => {
  it('is full without a gap, and none of a window that a gap fills', () => {
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, []), 1)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, [span(0, MINUTE)]), 0)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, [span(-5, Infinity)]), 0)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, [span(MINUTE, Infinity)]), 1)
  })

  it('is full of a window without length', () => {
    assert.equal(coverageOf('AAPL', '100t', 5, 5, [span(0, 10)]), 1)
  })

  it('is unknown when nothing is known of the time before its end', () => {
    const before = (toMs: number) => [{ id: 'b', fromMs: -Infinity, toMs }]
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, before(MINUTE)), null)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, before(MINUTE - 1)), 1 - (MINUTE - 1) / MINUTE)
    assert.equal(coverageOf('AAPL', '1m', 0, MINUTE, [span(-1e12, MINUTE)]), 0)
  })

  it('counts the whole day of a symbol that trades around the clock', () => {
    const day = 86_400_000
    assert.equal(coverageOf('BINANCE:BTCUSDT', '1d', 0, day, [span(0, day / 4)]), 0.75)
  })
})

describe('GapList, with many gaps', () => {
  it('drops the gap that ended first beyond five thousand', () => {
    const list = new GapList()
    for (let i = 5000; i >= 0; i--) list.add(knownGap(aGap(i * 10, i * 10 + 5, { id: `g${i}` })))
    const at = (index: number) =>
      list
        .within({ symbol: 'A', feed: 'simulated' }, index * 10, index * 10 + 10)
        .map(({ id }) => id)
    assert.deepEqual([at(0), at(1), at(5000)], [[], ['g1'], ['g5000']])
  })
})
