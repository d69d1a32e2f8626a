import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import {
  DEFAULT_TIMEFRAMES,
  finalAt,
  isActivity,
  lengthOf,
  stepOf,
  TIMEFRAME_FORMS,
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

  it('puts a moment into its trading day, final at its end', () => {
    const day = windowAt('AAPL', '1d', at('2026-11-24T15:00:00Z'))
    const [startMs, endMs] = [at('2026-11-24T01:00:00Z'), at('2026-11-25T01:00:00Z')]
    assert.deepEqual(day, { startMs, endMs, finalAtMs: endMs })
    assert.deepEqual(windowsAt('AAPL', '1d', at('2026-11-24T22:00:00Z'), 'post'), [day])
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

describe('a timeframe', () => {
  const MINUTE = 60_000
  const HOUR = 60 * MINUTE
  for (const { timeframe, lengthMs, stepMs } of [
    { timeframe: '1s', lengthMs: 1000, stepMs: 1000 },
    { timeframe: '90s', lengthMs: 90_000, stepMs: 90_000 },
    { timeframe: '12h', lengthMs: 12 * HOUR, stepMs: 12 * HOUR },
    { timeframe: '5m/1m', lengthMs: 5 * MINUTE, stepMs: MINUTE },
    { timeframe: '1h/1m', lengthMs: HOUR, stepMs: MINUTE },
    { timeframe: '1d', lengthMs: 24 * HOUR, stepMs: 24 * HOUR },
    { timeframe: 'regular', lengthMs: 24 * HOUR, stepMs: 24 * HOUR },
    { timeframe: '100t', lengthMs: undefined, stepMs: undefined }
  ]) {
    it(`${timeframe} has a length and a step, in time or none`, () => {
      assert.equal(lengthOf(timeframe), lengthMs)
      assert.equal(stepOf(timeframe), stepMs)
      assert.equal(isActivity(timeframe), lengthMs === undefined)
      assert.equal(timeframeProblem(timeframe), undefined)
    })
  }

  it('of activity has no window in time', () => {
    assert.deepEqual(windowsAt('AAPL', '100t', 0, 'regular'), [])
    assert.throws(() => windowAt('AAPL', '100t', 0), new RangeError("'100t' has no window in time"))
  })

  it('that is none is refused with the reason, by windowSpec too', () => {
    assert.throws(
      () => windowSpec('7m'),
      new RangeError("'7m' does not divide a day, expected a length that does, or 1d")
    )
    // The reason is the same when the text is met a second time.
    assert.throws(() => windowSpec('7m'), RangeError)
  })
})

describe('finalAt()', () => {
  it('waits ten minutes for the closing prints of a regular session, and for nothing else', () => {
    const close = at('2026-11-24T21:00:00Z')
    assert.equal(finalAt('regular', 'AAPL', close), close + 600_000)
    assert.equal(finalAt('1m', 'AAPL', close), close)
    assert.equal(finalAt('1d', 'AAPL', close), close)
    // A symbol that trades around the clock has no closing prints; its bars are restored by this moment.
    const midnight = at('2026-11-25T00:00:00Z')
    assert.equal(finalAt('regular', 'BINANCE:BTCUSDT', midnight), midnight)
  })
})

describe('TIMEFRAMES', () => {
  it('defaults to seven lengths', () => {
    const { TIMEFRAMES } = readEnv({}, { TIMEFRAMES: timeframesVariable() })
    assert.deepEqual(TIMEFRAMES, ['1s', '5s', '1m', '5m', '15m', '1h', '1d'])
    assert.equal(timeframesVariable().shown, DEFAULT_TIMEFRAMES.join(','))
  })

  it('takes blanks around the entries', () => {
    const { TIMEFRAMES } = readEnv(
      { TIMEFRAMES: ' 1m , 5s ' },
      { TIMEFRAMES: timeframesVariable() }
    )
    assert.deepEqual(TIMEFRAMES, ['5s', '1m'])
  })

  it('shows an example of every kind of window among the valid forms', () => {
    const forms = TIMEFRAME_FORMS.replaceAll(/\([^)]*\)/g, '').split(',')
    const kinds = forms.map((form) => windowSpec(form.trim()).kind)
    assert.deepEqual([...new Set(kinds)].toSorted(), [
      'activity',
      'hopping',
      'regular session',
      'trading day',
      'tumbling'
    ])
  })

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
    const unknown = `is unknown, expected one of ${TIMEFRAME_FORMS}`
    const undivided = 'does not divide a day, expected a length that does, or 1d'
    const noMultiple =
      'is no hopping window, expected a length that is a multiple of the hop, such as 5m/1m'
    for (const [name, problem] of [
      ['60s', 'has another name, expected 1m'],
      ['120s', 'has another name, expected 2m'],
      ['60m', 'has another name, expected 1h'],
      ['7200s', 'has another name, expected 2h'],
      ['05m', 'has another name, expected 5m'],
      ['', unknown],
      ['1w', unknown],
      ['x5m', unknown],
      ['5mm', unknown],
      ['x1d', unknown],
      ['x100t', unknown],
      ['100tt', unknown],
      ['1234567s', unknown],
      ['1234567890123456t', unknown],
      ['5m/1m/1m', unknown],
      ['5m/x', unknown],
      ['x/1m', unknown],
      ['0s', undivided],
      ['24h', undivided],
      ['48h', undivided],
      ['5m/7m', undivided],
      ['5m/2m', noMultiple],
      ['5m/5m', noMultiple],
      ['1m/5m', noMultiple],
      ['1h/1s', 'has over 60 windows at once, expected fewer'],
      ['2h/1m', 'has over 60 windows at once, expected fewer'],
      ['0t', 'is empty, expected at least 1'],
      ['0usd', 'is empty, expected at least 1']
    ] as const) {
      assert.equal(timeframeProblem(name), `'${name}' ${problem}`)
    }
    assert.deepEqual(windowSpec('1t'), { kind: 'activity', of: 'trades', size: 1 })
  })
})
