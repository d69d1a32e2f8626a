import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  closedSpanAt,
  filledBar,
  GapList,
  knownGap,
  sessionWindows,
  type BarFields,
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

describe('closedSpanAt()', () => {
  /** A Tuesday in summer time: pre-market begins at 08:00 UTC, after-hours end at midnight. */
  const at = (time: string): number => Date.parse(`2026-03-10T${time}Z`)
  const closed = (
    time: string,
    windows: TimeWindows = '1m',
    symbols: readonly string[] = ['AAPL', 'MSFT']
  ): string | undefined => {
    const found = closedSpanAt(symbols, windows, at(time))
    return (
      found &&
      [found.startMs, found.endMs].map((ms) => new Date(ms).toISOString().slice(5, 16)).join(' ')
    )
  }

  it('is the night, up to where the first window begins that reaches into pre-market', () => {
    const night = '03-10T00:00 03-10T07:59'
    assert.equal(closed('00:00:00'), night)
    assert.equal(closed('07:58:59.999'), night)
    assert.equal(closed('07:59:00'), undefined)
    assert.equal(
      closed('07:00:00', { lengthMs: 1_800_000, origin: 'utc' }),
      '03-10T00:00 03-10T07:30'
    )
  })

  it('is none during the sessions', () => {
    assert.deepEqual([closed('08:00:00'), closed('23:59:59.999')], [undefined, undefined])
  })

  it('begins at the end of after-hours on a day that ends early', () => {
    // Black Friday: after-hours end at 17:00 in New York, the trading date at 20:00.
    const found = closedSpanAt(['AAPL'], '1h', Date.parse('2026-11-27T22:00Z'))
    assert.deepEqual(found, {
      startMs: Date.parse('2026-11-27T22:00Z'),
      endMs: Date.parse('2026-11-28T00:00Z')
    })
    assert.equal(closedSpanAt(['AAPL'], '1h', Date.parse('2026-11-27T21:59Z')), undefined)
    assert.equal(closedSpanAt(['AAPL'], '1h', Date.parse('2026-11-28T00:00Z')), undefined)
  })

  it('is none for windows above an hour, for no symbol, and beside one that trades round the clock', () => {
    assert.equal(closed('03:00:00', '1h'), '03-10T00:00 03-10T07:00')
    assert.equal(closed('03:00:00', { lengthMs: HOUR + 1000, origin: 'utc' }), undefined)
    assert.equal(closed('03:00:00', '1d'), undefined)
    assert.equal(closed('03:00:00', '1m', []), undefined)
    assert.equal(closed('03:00:00', '1m', ['AAPL', BTC]), undefined)
  })
})

describe('filledBar()', () => {
  const beforeClose = {
    close: 101.25,
    policy: 'sip',
    conditionVersion: 2,
    feed: 'simulated'
  } as BarFields

  it('has the close of the bar before it where that is carried, and no price where it is not', () => {
    const startMs = Date.UTC(2026, 2, 10, 14)
    const span = { startMs, endMs: startMs + 90_000 }
    const windows = { lengthMs: 90_000, origin: 'utc' } as const
    const gaps = new GapList()
    gaps.add(knownGap(aGap(startMs, startMs + 45_000, { feed: 'finnhub' })))
    const of = (before: BarFields | undefined, isCarried: boolean) =>
      filledBar('AAPL', windows, span, { before, isCarried, gaps })
    const carried = of(beforeClose, true)
    const { open, high, low, close } = carried
    assert.deepEqual(
      { open, high, low, close },
      { open: 101.25, high: 101.25, low: 101.25, close: 101.25 }
    )
    assert.deepEqual(
      { ...carried, open: null, high: null, low: null, close: null },
      of(beforeClose, false)
    )
    const { _id, timeframe, policy, conditionVersion, feed, coverage, filled, start, end } = carried
    assert.deepEqual(
      { _id, timeframe, policy, conditionVersion, feed, coverage, filled, start, end },
      {
        _id: `AAPL|90s|${startMs}`,
        timeframe: '90s',
        policy: 'sip',
        conditionVersion: 2,
        // The gap is of another feed.
        feed: 'simulated',
        coverage: 1,
        filled: true,
        start: new Date(startMs),
        end: new Date(startMs + 90_000)
      }
    )
    const first = of(undefined, true)
    assert.deepEqual(
      [first.close, first.policy, first.conditionVersion, first.feed, first.coverage],
      [null, 'none', null, 'mixed', 0.5]
    )
  })

  it('names the session that all of its window is in, as far as that is traded in', () => {
    const session = (from: string, to: string) =>
      filledBar(
        'AAPL',
        '1h',
        { startMs: Date.parse(`2026-03-${from}Z`), endMs: Date.parse(`2026-03-${to}Z`) },
        { before: undefined, isCarried: false, gaps: new GapList() }
      ).session
    assert.deepEqual(
      [
        session('10T09:00', '10T10:00'),
        session('10T13:00', '10T14:00'),
        session('10T14:00', '10T15:00'),
        session('10T20:00', '10T21:00'),
        // It begins in the night, and is in pre-market from 08:00 on.
        session('10T07:30', '10T08:30'),
        session('10T00:00', '11T00:00')
      ],
      ['pre', 'mixed', 'regular', 'post', 'pre', 'mixed']
    )
  })

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
