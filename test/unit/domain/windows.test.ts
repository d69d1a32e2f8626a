import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { windowAt, windowsAt, windowSpec, type Session } from '@tapedeck/domain'

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

  it('takes only trades of the regular session into regular, from bell to bell over both times of the year', () => {
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
    assert.equal(winter.settlesMs, winter.endMs + 600_000)
  })

  it('takes the whole UTC day for a symbol that trades around the clock', () => {
    const [window] = windowsAt(
      'BINANCE:BTCUSDT',
      'regular',
      at('2026-11-24T15:00:00Z'),
      'continuous'
    )
    assert.equal(window?.startMs, at('2026-11-24T00:00:00Z'))
    assert.equal(window?.settlesMs, at('2026-11-25T00:00:00Z'))
  })

  it('says what counted windows count', () => {
    assert.deepEqual(windowSpec('100t'), { kind: 'counted', of: 'trades', size: 100 })
    assert.deepEqual(windowSpec('50000v'), { kind: 'counted', of: 'volume', size: 50_000 })
    assert.deepEqual(windowSpec('1000000usd'), { kind: 'counted', of: 'notional', size: 1_000_000 })
  })
})
