import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, readEnv } from '@tapedeck/core'
import {
  decodeRecord,
  encodeTradeRecord,
  recordProblem,
  symbolProblem,
  symbolsVariable,
  tradesRoundTheClock
} from '@tapedeck/domain'
import fc from 'fast-check'
import { aRecord } from '../../support/trades.ts'

describe('SYMBOLS', () => {
  const read = (found: string, most = 50): readonly string[] =>
    readEnv({ SYMBOLS: found }, { SYMBOLS: symbolsVariable(most) }).SYMBOLS

  it('accepts exactly the listed symbols, in that order', () => {
    assert.deepEqual(read('AAPL, MSFT,BINANCE:BTCUSDT,IC MARKETS:1,BRK.B'), [
      'AAPL',
      'MSFT',
      'BINANCE:BTCUSDT',
      'IC MARKETS:1',
      'BRK.B'
    ])
  })

  it('reports every mistake of a bad list at once', () => {
    assert.throws(
      () => read('AAPL,,MSFT,AAPL,T|LA,GOOG', 4),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(error.message, /entry 2 is empty/)
        assert.match(error.message, /entry 4 'AAPL' is there already as entry 1/)
        assert.match(error.message, /entry 5 is 'T\|LA', expected letters/)
        assert.match(
          error.message,
          /6 symbols found, expected at most 4 .*over the limit: T\|LA, GOOG/
        )
        return true
      }
    )
  })

  it('takes names with signs and letters of any script', () => {
    const listed = [
      'M&M.NS',
      'COX&KINGS.NS',
      'BINANCE:币安人生USDT',
      '^GSPC',
      '$SPX',
      'HUOBI:btcusdt'
    ]
    assert.deepEqual(read(listed.join(',')), listed)
  })

  const mistakes: readonly [string, string, RegExp][] = [
    [
      'blanks for commas',
      'AAPL MSFT NVDA',
      /entry 1 is 'AAPL MSFT NVDA', expected commas .*AAPL,MSFT,NVDA\?/
    ],
    ['a blank before an exchange', 'AAPL BINANCE:BTCUSDT', /did you mean AAPL,BINANCE:BTCUSDT\?/],
    ['semicolons', 'AAPL;MSFT', /entry 1 is 'AAPL;MSFT', expected letters.*no comma, semicolon/],
    ['a JSON list', '["AAPL","MSFT"]', /entry 1 is '\["AAPL"', expected letters/],
    ['small letters', 'aapl,MSFT', /entry 1 is 'aapl', expected capitals; did you mean AAPL\?/],
    ['a small exchange', 'binance:btcusdt', /did you mean BINANCE:BTCUSDT\?/],
    ['a control character', 'AA\u0007PL', /entry 1 is 'AA.{1,6}PL', expected letters/]
  ]
  for (const [name, found, expected] of mistakes) {
    it(`answers ${name} with what was expected`, () => assert.throws(() => read(found), expected))
  }
})

describe('symbolProblem()', () => {
  it('admits what exchanges list', () => {
    for (const symbol of [
      'A',
      'BRK.B',
      'BF/B',
      'GC=F',
      'BTC1!',
      'AMXL*.MX',
      'IC MARKETS:1',
      '1INCH',
      '.DJI',
      'ÅF.ST'
    ]) {
      assert.equal(symbolProblem(symbol), undefined, symbol)
    }
    assert.equal(symbolProblem('币'.repeat(64)), undefined)
  })

  it('refuses what a list, an id, a path, a table or an eye would take for something else', () => {
    const ambiguous = ['', ' gap', 'A ', 'A,B', 'A|B', 'A;B', '*', '.', '..', '__proto__']
    const formulas = ['=1+1', '+1', '-1', '@A']
    const quoted = ['A"B', "A'B", 'A`B', 'A\\B', '<b>', '[A]', '{A}']
    const unseen = [
      'A\0',
      'A\nB',
      'A\u2028B',
      'A\u00a0B',
      'A\u200bB',
      'A\u202eB',
      '\ufeffA',
      '\ud800'
    ]
    const others = ['A'.repeat(65), 1, null, undefined, ['A']]
    const illegal = [...ambiguous, ...formulas, ...quoted, ...unseen, ...others]
    for (const symbol of illegal) {
      const problem = symbolProblem(symbol)
      assert.match(problem ?? '', /^symbol /, JSON.stringify(symbol))
      assert.ok(problem !== undefined && problem.length < 60)
    }
  })

  // What one side admits, all later steps carry unchanged.
  it('admits only what survives the topic, a URL and a JSON text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 66 }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 66 }),
      fc.stringMatching(/^[ -~]{1,12}$/),
      fc.constantFrom('constructor', 'toString', 'hasOwnProperty', '__proto__', '$where', '.', '..')
    )
    let admitted = 0
    fc.assert(
      fc.property(anyText, (symbol) => {
        if (symbolProblem(symbol) !== undefined) {
          assert.notEqual(recordProblem({ ...aRecord(), symbol }, symbol), undefined)
          return
        }
        admitted++
        const { key, value } = encodeTradeRecord(aRecord({ symbol }))
        const decoded = decodeRecord(Buffer.from(key), Buffer.from(value))
        assert.equal(decoded.record?.symbol, symbol)
        const url = new URL(`http://api.test/symbols/${encodeURIComponent(symbol)}/`)
        assert.equal(decodeURIComponent(url.pathname.split('/')[2] ?? ''), symbol)
        assert.equal(`${symbol}|1m|0`.split('|').length, 3)
        assert.equal(typeof tradesRoundTheClock(symbol), 'boolean')
        assert.doesNotMatch(symbol, /^[\s=+\-@]|[,;"'<>\n\r\0]|\s$/)
      }),
      { numRuns: 3000 }
    )
    assert.ok(admitted > 100, `only ${admitted} admitted`)
  })
})
