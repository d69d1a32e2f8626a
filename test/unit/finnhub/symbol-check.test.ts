import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { checkSymbols, symbolHints } from '@tapedeck/finnhub'

const LIST = ['AAPL', 'MSFT', 'TSLA', 'NVDA', 'AMZN', 'BRK.B', 'APP', 'APLE']

describe('checkSymbols()', () => {
  const knowing = { usSymbols: async () => LIST }

  it('names the bare US symbols that are not listed, with the likely intended ones', async () => {
    const check = await checkSymbols(knowing, [
      'AAPL',
      'TLSA',
      'ZZZZZ',
      'AAPL.SW',
      'BRK.A',
      'BINANCE:BTCUSDT',
      'IC MARKETS:1'
    ])
    assert.ok(check.isChecked)
    assert.deepEqual(
      check.unknown.map(({ symbol, reason }) => ({ symbol, reason })),
      [
        { symbol: 'TLSA', reason: "not in Finnhub's list of US symbols; did you mean TSLA?" },
        { symbol: 'ZZZZZ', reason: "not in Finnhub's list of US symbols" }
      ]
    )
  })

  it('reports that it could not check, and neither throws nor waits for long', async () => {
    const refusing = new TapedeckError('FEED_REFUSED', 'Finnhub refuses /stock/symbol: status 403')
    const check = await checkSymbols({ usSymbols: () => Promise.reject(refusing) }, ['AAPL'])
    assert.deepEqual(check, {
      isChecked: false,
      reason: 'symbols were not checked: Finnhub refuses /stock/symbol: status 403'
    })
    const hanging = {
      usSymbols: (signal?: AbortSignal) =>
        new Promise<never>((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('aborted')))
        })
    }
    const late = await checkSymbols(hanging, ['AAPL'], { limitMs: 20 })
    assert.deepEqual(late, {
      isChecked: false,
      reason: 'symbols were not checked: no answer within 20 ms'
    })
    const empty = await checkSymbols({ usSymbols: async () => [] }, ['AAPL'])
    assert.equal(empty.isChecked, false)
  })

  it('sends no request when there is no US symbol to check', async () => {
    const failing = { usSymbols: () => Promise.reject(new Error('asked')) }
    const check = await checkSymbols(failing, ['BINANCE:BTCUSDT'])
    assert.deepEqual(check, { isChecked: true, unknown: [] })
  })
})

describe('symbolHints()', () => {
  it('puts the nearest first: one letter wrong, then one more or less, then two wrong', () => {
    assert.deepEqual(symbolHints('APPL', LIST), ['AAPL', 'APP', 'APLE'])
    assert.deepEqual(symbolHints('aapl', LIST)[0], 'AAPL')
    assert.deepEqual(symbolHints('MSTF', LIST), ['MSFT'])
    assert.deepEqual(symbolHints('QQQQQQ', LIST), [])
  })

  it('searches a list of 30 000 symbols', { timeout: 10_000 }, () => {
    const many = Array.from({ length: 30_000 }, (_, index) => index.toString(36).toUpperCase())
    assert.equal(symbolHints('AAPL', many).length, 3)
  })
})
