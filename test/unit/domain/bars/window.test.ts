import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import {
  timeframeProblem,
  timeframesVariable,
  windowAt,
  windowsAt,
  windowSpec,
  type Session
} from '@tapedeck/domain'
import fc from 'fast-check'

const at = (iso: string): number => Date.parse(iso)
const starts = (timeframe: string, iso: string, session: Session = 'regular'): string[] =>
  windowsAt('AAPL', timeframe, at(iso), session).map(({ startMs }) =>
    new Date(startMs).toISOString()
  )

describe('windowsAt()', () => {
  it('puts a moment into one tumbling window that begins on the grid', () => {
    assert.deepEqual(starts('5m', '2026-11-24T15:07:59.999Z'), ['2026-11-24T15:05:00.000Z'])
    assert.deepEqual(starts('30s', '2026-11-24T15:07:30Z'), ['2026-11-24T15:07:30.000Z'])
  })

  it('ends a tumbling window where the next one begins', () => {
    const lengths = fc.constantFrom(['1s', 1000], ['5m', 300_000], ['12h', 43_200_000] as const)
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1e9, max: 4e12 }), ([timeframe, lengthMs], ms) => {
        const { startMs, endMs, finalAtMs } = windowAt('AAPL', timeframe, ms)
        assert.ok(startMs <= ms && ms < endMs)
        assert.equal(endMs, startMs + lengthMs)
        assert.equal(finalAtMs, endMs)
        assert.equal(windowAt('AAPL', timeframe, endMs).startMs, endMs)
      })
    )
  })

  it('puts a moment into length / hop hopping windows, each of which holds it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e9, max: 4e12 }), (ms) => {
        const windows = windowsAt('AAPL', '5m/1m', ms, 'regular')
        assert.equal(windows.length, 5)
        for (const { startMs, endMs } of windows) {
          assert.ok(startMs <= ms && ms < endMs && endMs - startMs === 300_000)
          assert.equal(startMs % 60_000, 0)
        }
        assert.equal(new Set(windows.map(({ startMs }) => startMs)).size, 5)
      })
    )
  })

  it('has only trades of the regular session in regular, from bell to bell, in summer and winter', () => {
    const summer = windowAt('AAPL', 'regular', at('2026-07-01T15:00:00Z'))
    const winter = windowAt('AAPL', 'regular', at('2026-11-24T15:00:00Z'))
    const half = windowAt('AAPL', 'regular', at('2026-11-27T15:00:00Z'))
    assert.deepEqual(
      [summer, winter, half].map(({ startMs, endMs }) =>
        [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(11, 16))
      ),
      [
        ['13:30', '20:00'],
        ['14:30', '21:00'],
        ['14:30', '18:00']
      ]
    )
    assert.deepEqual(starts('regular', '2026-11-24T13:00:00Z', 'pre'), [])
    // The official closing print comes after the bell and belongs to the session still.
    assert.deepEqual(starts('regular', '2026-11-24T21:00:05Z', 'regular'), [
      '2026-11-24T14:30:00.000Z'
    ])
    assert.equal(winter.finalAtMs, winter.endMs + 600_000)
  })

  it('covers the whole UTC day for a symbol that trades around the clock', () => {
    const [window] = windowsAt(
      'BINANCE:BTCUSDT',
      'regular',
      at('2026-11-24T15:00:00Z'),
      'continuous'
    )
    assert.equal(window?.startMs, at('2026-11-24T00:00:00Z'))
    assert.equal(window?.finalAtMs, at('2026-11-25T00:00:00Z'))
  })

  it('reads the measure and the size of activity bars', () => {
    assert.deepEqual(windowSpec('100t'), { kind: 'activity', of: 'trades', size: 100 })
    assert.deepEqual(windowSpec('50000v'), { kind: 'activity', of: 'volume', size: 50_000 })
    assert.deepEqual(windowSpec('1000000usd'), {
      kind: 'activity',
      of: 'notional',
      size: 1_000_000
    })
  })
})

describe('TIMEFRAMES', () => {
  it('sorts the list by length and names every bad entry', () => {
    const read = (found: string): readonly string[] =>
      readEnv({ TIMEFRAMES: found }, { TIMEFRAMES: timeframesVariable() }).TIMEFRAMES
    assert.deepEqual(read('1d,1s,5m'), ['1s', '5m', '1d'])
    assert.deepEqual(read('1000000usd,regular,5m/1m,30s,100t'), [
      '30s',
      '5m/1m',
      'regular',
      '1000000usd',
      '100t'
    ])
    assert.throws(() => read('7m,1s,1s'), /'7m' does not divide a day.*\n.*'1s' is repeated/)
  })

  it('says what is wrong with each name', () => {
    for (const [name, problem] of [
      ['60s', /has another name, expected 1m/],
      ['1w', /is unknown, expected one of 1s/],
      ['24h', /expected a length that does, or 1d/],
      ['5m/2m', /a multiple of the hop, such as 5m\/1m/],
      ['1h/1s', /over 60 windows at once/],
      ['0t', /is empty/]
    ] as const) {
      assert.match(timeframeProblem(name) ?? '', problem)
    }
  })
})
