import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { coverageOf, GapList, knownGap, PartitionFold, type GapRecord } from '@tapedeck/domain'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

function aGap(
  fromMs: number | null,
  toMs: number | null,
  given: Partial<GapRecord> = {}
): GapRecord {
  return {
    version: 1,
    kind: 'gap',
    id: 'g',
    feed: 'simulated',
    fromMs,
    toMs,
    cause: 'closed',
    symbols: [],
    at: 0,
    ...given
  }
}

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
            list
              .within('A', start, start + 10)
              .map(({ id }) => id)
              .toSorted(),
            expected.map(({ id }) => id).toSorted()
          )
        }
      )
    )
  })
})

describe('bars around a feed gap', () => {
  function fold(): { fold: PartitionFold; take(t: number): void } {
    const made = new PartitionFold(
      {
        timeframes: ['1s', '1m'],
        policy: 'feed',
        allowedDelayMs: 0,
        latenessLimitMs: 1e9,
        futureLimitMs: 1e9,
        redelivered: 'drop'
      },
      undefined,
      -Infinity
    )
    let frame = 0
    return {
      fold: made,
      take(t) {
        const offset = frame++
        made.take(aRecord({ frame, trades: [aTrade({ t })] }), offset, 0)
      }
    }
  }

  const settle = ({ bars: book, watermark }: PartitionFold) => {
    book.closeBatch()
    book.mergeBatch()
    book.finalise(watermark.ms)
    const { fresh, changed } = book.drainChanged(watermark.ms)
    return new Map([...fresh, ...changed].map((bar) => [bar.id, bar]))
  }

  it('takes the gap in while open, corrects it when it is closed, and changes a final bar only once', () => {
    const { fold: made, take } = fold()
    take(START_MS + 1000)
    take(START_MS + 61_000)
    settle(made)
    made.bars.cover(knownGap(aGap(START_MS + 30_000, null)))
    const first = settle(made).get(`AAPL|1m|${START_MS}`)
    assert.deepEqual(
      [first?.status, first?.revision, first?.revisionCause],
      ['revised', 1, 'feed gap']
    )
    made.bars.cover(knownGap(aGap(START_MS + 30_000, START_MS + 90_000)))
    const second = settle(made)
    // The end of the gap lies in the next minute: nothing is new for the first.
    assert.equal(second.get(`AAPL|1m|${START_MS}`), undefined)
    const next = second.get(`AAPL|1m|${START_MS + MINUTE}`)
    assert.deepEqual(
      [next?.status, next?.gaps.map(({ fromMs, toMs }) => toMs - fromMs)],
      ['provisional', [30_000]]
    )
    made.bars.cover(knownGap(aGap(START_MS + 30_000, START_MS + 90_000)))
    assert.equal(settle(made).size, 0)
  })

  it('gives a bar that comes later the gaps of its window, and passes over other symbols', () => {
    const { fold: made, take } = fold()
    made.gaps.add(knownGap(aGap(START_MS + 10_000, START_MS + 25_000)))
    made.gaps.add(knownGap(aGap(START_MS, START_MS + 60_000, { id: 'other', symbols: ['MSFT'] })))
    take(START_MS + 40_000)
    const bar = settle(made).get(`AAPL|1m|${START_MS}`)
    assert.deepEqual(
      bar?.gaps.map(({ id }) => id),
      ['g']
    )
    assert.equal(coverageOf('AAPL', '1m', START_MS, START_MS + MINUTE, bar?.gaps ?? []), 0.75)
  })
})
