import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, readEnv } from '@tapedeck/core'
import {
  recordProblem,
  symbolsVariable,
  timeframeProblem,
  timeframesVariable,
  tradeProblem
} from '@tapedeck/domain'
import { aRecord, aTrade } from '../../support/trades.ts'

describe('SYMBOLS', () => {
  const read = (found: string, most = 50): readonly string[] =>
    readEnv({ SYMBOLS: found }, { SYMBOLS: symbolsVariable(most) }).SYMBOLS

  it('takes exactly what is listed, in that order', () => {
    assert.deepEqual(read('AAPL, MSFT,BINANCE:BTCUSDT,IC MARKETS:1,BRK.B'), [
      'AAPL',
      'MSFT',
      'BINANCE:BTCUSDT',
      'IC MARKETS:1',
      'BRK.B'
    ])
  })

  it('answers a bad list with every mistake at once', () => {
    assert.throws(
      () => read('AAPL,,MSFT,AAPL,T$LA,GOOG', 4),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(error.message, /entry 2 is empty/)
        assert.match(error.message, /entry 4 'AAPL' is there already as entry 1/)
        assert.match(error.message, /entry 5 is 'T\$LA', expected letters/)
        assert.match(
          error.message,
          /6 symbols found, expected at most 4 .*over the limit: T\$LA, GOOG/
        )
        return true
      }
    )
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
    assert.throws(() => read('7m,1s,1s'), /'7m' does not divide a day.*\n.*'1s' is there twice/)
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

describe('recordProblem()', () => {
  it('finds nothing wrong with a record', () => {
    assert.equal(recordProblem(JSON.parse(JSON.stringify(aRecord())), 'AAPL'), undefined)
  })

  const bad: readonly [string, unknown, RegExp][] = [
    ['a text', 'x', /not an object/],
    ['another version', { ...aRecord(), version: 2 }, /version/],
    ['another key', { ...aRecord(), symbol: 'MSFT' }, /key is not the symbol/],
    ['no trades', { ...aRecord(), trades: [] }, /trades are missing/],
    ['indexes that do not match', { ...aRecord(), indexes: [0, 1] }, /indexes do not match/],
    [
      'indexes that fall',
      aRecord({ trades: [aTrade(), aTrade()], indexes: [1, 0] }),
      /do not rise/
    ],
    ['a price of zero', aRecord({ trades: [aTrade({ p: 0 })] }), /price is not positive/]
  ]
  for (const [name, value, expected] of bad) {
    it(`refuses ${name}`, () => assert.match(recordProblem(value, 'AAPL') ?? '', expected))
  }
})

describe('tradeProblem()', () => {
  it('accepts conditions that are absent, null, empty or codes, and sizes of zero and fractions', () => {
    for (const trade of [
      { p: 1, t: 1, v: 0 },
      { p: 1, t: 1, v: 0.000_08, c: null },
      { p: 1, t: 1, v: 1, c: [] },
      { p: 1, t: 1, v: 1, c: ['1', '12'] }
    ]) {
      assert.equal(tradeProblem(trade), undefined)
    }
  })

  it('refuses numbers as text, infinite numbers, negative sizes and times that are no ms', () => {
    for (const trade of [
      { p: '1', t: 1, v: 1 },
      { p: NaN, t: 1, v: 1 },
      { p: Infinity, t: 1, v: 1 },
      { p: 1, t: 1.5, v: 1 },
      { p: 1, t: 1, v: -1 },
      { p: 1, t: 1, v: null },
      { p: 1, t: 1, v: 1, c: '1' },
      { p: 1, t: 1, v: 1, c: [1] },
      null
    ]) {
      assert.notEqual(tradeProblem(trade), undefined)
    }
  })
})
