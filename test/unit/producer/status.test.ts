import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { feedStatus, type FeedFacts, type SymbolState } from '@tapedeck/producer/testing'

const OPEN_MS = Date.parse('2026-11-24T15:00:00Z')
const SATURDAY_MS = Date.parse('2026-11-28T15:00:00Z')

function symbol(name: string, standing: SymbolState['standing']): SymbolState {
  return { symbol: name, standing, lastTradeMs: null, usualGapMs: null, reason: null }
}

function explain(given: Partial<FeedFacts>): string {
  return statusOf(given).explanation
}

function statusOf(given: Partial<FeedFacts>): ReturnType<typeof feedStatus> {
  return feedStatus({
    feed: 'finnhub',
    nowMs: OPEN_MS,
    connection: 'c',
    connectedMs: OPEN_MS,
    outage: null,
    waitsFor: undefined,
    lastError: null,
    lastFrameMs: OPEN_MS,
    lastTradeMs: null,
    clockWrongByMs: undefined,
    deliveryProblems: [],
    maxSymbols: 50,
    queuedFrames: 0,
    spooledBytes: 0,
    copiedFrames: 0,
    copiedTrades: 0,
    symbols: [symbol('AAPL', 'receiving')],
    problems: new Map(),
    ...given
  })
}

describe('feedStatus()', () => {
  it('says that all symbols receive trades, or names those that do not', () => {
    assert.equal(explain({}), 'connected, 1 of 1 symbols receiving')
    assert.equal(
      explain({ symbols: [symbol('AAPL', 'receiving'), symbol('SPY', 'quiet, not normal')] }),
      'connected, 1 of 2 symbols receiving; silent beyond the usual: SPY'
    )
  })

  it('says why every symbol is silent: market closed, feed down, plan limit, lease', () => {
    const quiet = [symbol('AAPL', 'quiet, normal for the hour')]
    assert.match(
      explain({ nowMs: SATURDAY_MS, symbols: quiet }),
      /^connected, no trades: US stocks are closed for the weekend: pre-market opens Mon 2026-11-30 04:00/
    )
    assert.match(
      explain({ symbols: [symbol('AAPL', 'quiet, not normal')] }),
      /^connected, but only pings: .*\(regular session until 16:00 New York\); silent beyond the usual: AAPL$/
    )
    assert.equal(
      explain({
        connectedMs: null,
        outage: { cause: 'closed with code 1006', retryMs: OPEN_MS + 4000 }
      }),
      'not connected: closed with code 1006; again in 4 s'
    )
    assert.equal(explain({ waitsFor: 'host:12 uses this key' }), 'waiting: host:12 uses this key')
    assert.match(
      explain({
        symbols: [symbol('AAPL', 'receiving'), symbol('X', 'asked for')],
        problems: new Map([['X', { standing: 'over the limit', reason: 'too many' }]])
      }),
      /over the plan’s limit: X$/
    )
  })

  it('warns of a clock that is wrong, and of what the broker does not have', () => {
    assert.deepEqual(statusOf({}).warnings, [])
    assert.deepEqual(
      statusOf({ clockWrongByMs: 90_000, deliveryProblems: ['the spool holds 3 KiB'] }).warnings,
      [
        "the trades of the last minute are 90 s ahead of this machine's clock: set the clock",
        'the spool holds 3 KiB'
      ]
    )
    assert.match(
      String(statusOf({ clockWrongByMs: -300_000 }).warnings),
      /5 min or more behind this machine's clock: the clock is wrong, or the feed delayed/
    )
  })

  it('shows a symbol that trades as receiving, even if a list lacks it', () => {
    const problems = new Map([['AAPL', { standing: 'rejected', reason: 'not listed' } as const]])
    assert.equal(explain({ problems }), 'connected, 1 of 1 symbols receiving')
  })
})
