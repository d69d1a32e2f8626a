import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StoredQuote } from '@tapedeck/mongo'
import { quoteChecks } from '../../../services/api/src/quote-checks.ts'

const NOW_MS = Date.UTC(2026, 2, 10, 15)
const LIMITS = { tolerancePercent: 0.5, maxAgeMs: 120_000 }

function aQuote(symbol: string, price: number, ageMs = 4000): StoredQuote {
  const at = new Date(NOW_MS - ageMs)
  return { symbol, price, quotedAt: at, receivedAt: at, trade: { price: 100, tradedAt: at } }
}

function feedOf(...symbols: string[]) {
  return {
    symbols: symbols.map((symbol) => ({
      symbol,
      standing: 'receiving' as const,
      lastTradeAt: null,
      usualGapMs: null,
      reason: null
    }))
  }
}

describe('quoteChecks()', () => {
  it('says nothing is collected where nothing is', () => {
    const { isAlarm, text } = quoteChecks([feedOf('AAPL')], [], NOW_MS, LIMITS)
    assert.equal(isAlarm, false)
    assert.equal(text, 'no quotes are collected beside the stream')
  })

  it('shows each followed symbol with both prices, and says that they agree', () => {
    const found = quoteChecks(
      [feedOf('MSFT')],
      [aQuote('AAPL', 1), aQuote('MSFT', 100.1)],
      NOW_MS,
      LIMITS
    )
    assert.equal(found.text, '1 of 1 quotes agree with the stream')
    assert.equal(found.isAlarm, false)
    const [row] = found.symbols
    assert.equal(found.symbols.length, 1)
    assert.ok(Math.abs((row?.differencePercent ?? 0) - 0.1) < 1e-9)
    const { symbol, verdict, price, lastPrice, ageSeconds, receivedAt } = row ?? {}
    assert.deepEqual(
      { symbol, verdict, price, lastPrice, ageSeconds, receivedAt },
      {
        symbol: 'MSFT',
        verdict: 'agrees',
        price: 100.1,
        lastPrice: 100,
        ageSeconds: 4,
        receivedAt: NOW_MS - 4000
      }
    )
  })

  it('names what differs, what is stale and what is missing, the first of many', () => {
    const quotes = [aQuote('A', 102), aQuote('B', 100), aQuote('C', 100, 300_000)]
    const symbols = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
    const { isAlarm, text } = quoteChecks([feedOf(...symbols)], quotes, NOW_MS, LIMITS)
    assert.equal(isAlarm, true)
    assert.equal(
      text,
      'quotes differ from the stream by more than 0.5 %: A by +2.00 %; no quote for more than 120 s: C; ' +
        'no quote: D, E, F and 2 more; 1 of 8 quotes agree with the stream'
    )
  })

  it('a closed market is no alarm', () => {
    const sunday = Date.UTC(2026, 2, 8, 15)
    const { isAlarm, text } = quoteChecks([feedOf('A', 'B')], [aQuote('A', 1)], sunday, LIMITS)
    assert.equal(isAlarm, false)
    assert.equal(text, 'quotes are not compared while the market is closed')
  })
})
