import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, readEnv } from '@tapedeck/core'
import { symbolsVariable } from '@tapedeck/domain'

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
