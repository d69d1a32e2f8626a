import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  closedSpanAt,
  filledBar,
  GapList,
  knownGap,
  sessionWindows,
  type TimeWindows
} from '@tapedeck/domain'
import fc from 'fast-check'
import { aGap } from '../../../support/trades.ts'

const HOUR = 3_600_000
const BTC = 'BINANCE:BTCUSDT'

function windowsOf(symbol: string, windows: TimeWindows, from: string, to: string): string[] {
  const range = { fromMs: Date.parse(from), toMs: Date.parse(to) }
  return [...sessionWindows(symbol, windows, range)].map(({ startMs }) =>
    new Date(startMs).toISOString().slice(5, 16)
  )
}

describe('sessionWindows()', () => {
  it('has the hours from pre-market to after-hours, and none of a night or a weekend', () => {
    const found = windowsOf('AAPL', '1h', '2026-03-06T20:00Z', '2026-03-09T10:00Z')
    // 4 o'clock in New York is 9 in winter, and 8 after the change to summer time on Sunday.
    assert.deepEqual(found, [
      ...[20, 21, 22, 23].map((hour) => `03-06T${hour}:00`),
      '03-07T00:00',
      '03-09T08:00',
      '03-09T09:00'
    ])
  })

  it('knows days on which the exchange closes early, and holidays', () => {
    const found = windowsOf('AAPL', '1h', '2026-11-26T00:00Z', '2026-11-28T12:00Z')
    // Thanksgiving, then Black Friday: after-hours end at 17:00.
    assert.equal(found.at(0), '11-26T00:00')
    assert.deepEqual(found.slice(1, 3), ['11-27T09:00', '11-27T10:00'])
    assert.equal(found.at(-1), '11-27T21:00')
    assert.deepEqual(windowsOf('AAPL', '1d', '2026-11-25T12:00Z', '2026-12-01T12:00Z'), [
      '11-26T01:00',
      '11-28T01:00',
      '12-01T01:00'
    ])
  })

  it('has every window of a symbol that trades round the clock, and those that overlap', () => {
    assert.equal(windowsOf(BTC, '1h', '2026-03-07T00:00Z', '2026-03-09T00:00Z').length, 48)
    assert.deepEqual(windowsOf(BTC, '5m/1m', '2026-03-07T00:00Z', '2026-03-07T00:02:30Z'), [
      '03-07T00:00',
      '03-07T00:01',
      '03-07T00:02'
    ])
  })

  it('has the same windows for a range in pieces, of any length and origin', () => {
    const windows = fc.oneof(
      fc.constantFrom('1m', '5m/1m', '1h', '1d', 'regular'),
      fc.record({
        lengthMs: fc.integer({ min: 60, max: 86_400 }).map((seconds) => seconds * 1000),
        origin: fc.constantFrom('utc', 'session')
      })
    )
    const startMs = Date.UTC(2026, 2, 5)
    fc.assert(
      fc.property(windows, fc.constantFrom('AAPL', BTC), fc.nat(199), (kind, symbol, cut) => {
        const of = (fromMs: number, toMs: number) => [
          ...sessionWindows(symbol, kind, { fromMs, toMs })
        ]
        const [cutMs, endMs] = [startMs + cut * HOUR + 12_345, startMs + 200 * HOUR]
        const whole = of(startMs, endMs)
        assert.deepEqual([...of(startMs, cutMs), ...of(cutMs, endMs)], whole)
        for (const [at, window] of whole.entries()) {
          assert.ok(window.startMs > (whole[at - 1]?.startMs ?? -Infinity))
        }
        // Nothing begins in a time that is said to be closed.
        const closed = closedSpanAt([symbol], kind, cutMs)
        if (closed === undefined) return
        assert.ok(closed.startMs <= cutMs && cutMs < closed.endMs)
        assert.deepEqual(of(cutMs, closed.endMs), [])
      }),
      { numRuns: 500 }
    )
  })
})

describe('filledBar()', () => {
  it('says whether there was no trade or no feed', () => {
    const startMs = Date.UTC(2026, 2, 10, 14)
    const gaps = new GapList()
    gaps.add(knownGap(aGap(startMs + 90_000, startMs + 105_000)))
    const of = (index: number) =>
      filledBar(
        'AAPL',
        '1m',
        { startMs: startMs + index * 60_000, endMs: startMs + (index + 1) * 60_000 },
        {
          before: undefined,
          isCarried: true,
          gaps
        }
      )
    const row = ({ coverage, gapIds, close, volume, session }: ReturnType<typeof of>) => ({
      coverage,
      gapIds,
      close,
      volume,
      session
    })
    const still = { close: null, volume: 0, session: 'regular' }
    assert.deepEqual(row(of(0)), { ...still, coverage: 1, gapIds: [] })
    assert.deepEqual(row(of(1)), { ...still, coverage: 0.75, gapIds: ['g'] })
  })
})
