import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { GapRecord, SymbolState } from '@tapedeck/domain'
import { feedStatus, GapKeeper, type FeedFacts } from '@tapedeck/producer'

const OPEN_MS = Date.parse('2026-11-24T15:00:00Z')
const SATURDAY_MS = Date.parse('2026-11-28T15:00:00Z')

function symbol(name: string, standing: SymbolState['standing']): SymbolState {
  return { symbol: name, standing, lastTradeMs: null, usualGapMs: null, reason: null }
}

function explain(given: Partial<FeedFacts>): string {
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
    maxSymbols: 50,
    queuedFrames: 0,
    spooledBytes: 0,
    symbols: [symbol('AAPL', 'receiving')],
    verdicts: new Map(),
    ...given
  }).explanation
}

describe('feedStatus()', () => {
  it('says that all is well, or who is not', () => {
    assert.equal(explain({}), 'connected, 1 of 1 symbols receiving')
    assert.equal(
      explain({ symbols: [symbol('AAPL', 'receiving'), symbol('SPY', 'quiet, not normal')] }),
      'connected, 1 of 2 symbols receiving; silent beyond the usual: SPY'
    )
  })

  it('says why all is silent: market closed, feed down, plan limit, lease', () => {
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
    assert.equal(explain({ waitsFor: 'host:12' }), 'waiting: host:12 uses this key')
    assert.match(
      explain({
        symbols: [symbol('AAPL', 'receiving'), symbol('X', 'asked for')],
        verdicts: new Map([['X', { standing: 'over the limit', reason: 'too many' }]])
      }),
      /over the plan’s limit: X$/
    )
  })

  it('believes a trade more than a verdict', () => {
    const verdicts = new Map([['AAPL', { standing: 'rejected', reason: 'not listed' } as const]])
    assert.equal(explain({ verdicts }), 'connected, 1 of 1 symbols receiving')
  })
})

describe('GapKeeper', () => {
  function keeper(): { gaps: GapRecord[]; beginnings: GapRecord[]; keeper: GapKeeper } {
    const gaps: GapRecord[] = []
    const beginnings: GapRecord[] = []
    let next = 0
    const made = new GapKeeper({
      feed: 'finnhub',
      publish(gap) {
        if (gap.fromMs === null) beginnings.push(gap)
        else gaps.push(gap)
      },
      nextId: () => `gap-${++next}`
    })
    made.setSymbols(['AAPL'])
    return { gaps, beginnings, keeper: made }
  }

  it('opens one gap from the last frame and closes it by the first one after', () => {
    const { gaps, keeper: made } = keeper()
    made.frame(1000, true)
    made.lost('closed', 1500)
    made.lost('refused', 2500)
    made.frame(9000, true)
    made.frame(9001, true)
    assert.deepEqual(
      gaps.map(({ id, fromMs, toMs, cause, symbols }) => [id, fromMs, toMs, cause, symbols]),
      [
        ['gap-2', 1000, null, 'closed', ['AAPL']],
        ['gap-2', 1000, 9000, 'closed', ['AAPL']]
      ]
    )
  })

  it('is not over before every symbol is asked for again', () => {
    const { gaps, keeper: made } = keeper()
    made.frame(1000, true)
    made.lost('closed', 1500)
    made.frame(2000, false)
    assert.equal(gaps.length, 1)
    made.frame(3000, true)
    assert.deepEqual([gaps[1]?.fromMs, gaps[1]?.toMs], [1000, 3000])
  })

  it('says with the first frame ever that nothing is known of the time before, and once', () => {
    const { gaps, beginnings, keeper: made } = keeper()
    made.lost('refused', 100)
    made.frame(200, true)
    made.frame(300, true)
    assert.deepEqual(gaps, [])
    assert.deepEqual(
      beginnings.map(({ fromMs, toMs, symbols }) => [fromMs, toMs, symbols]),
      [[null, 200, []]]
    )
  })

  it('says of a symbol that is added later that nothing is known of it before', () => {
    const { gaps, beginnings, keeper: made } = keeper()
    made.frame(200, true)
    made.setSymbols(['AAPL', 'MSFT'])
    made.frame(300, false)
    made.frame(400, true)
    made.setSymbols(['MSFT'])
    made.frame(500, true)
    assert.deepEqual(gaps, [])
    made.setSymbols(['MSFT', 'AAPL'])
    made.frame(900, true)
    assert.deepEqual(
      gaps.map(({ fromMs, toMs, symbols, cause }) => [fromMs, toMs, symbols, cause]),
      [[400, 900, ['AAPL'], 'the symbol was not followed']]
    )
    assert.deepEqual(
      beginnings.map(({ toMs, symbols }) => [toMs, symbols]),
      [
        [200, []],
        [400, ['MSFT']]
      ]
    )
  })

  it('makes the time between two lives a gap, or goes on with the one left open', () => {
    const first = keeper()
    first.keeper.resume({ lastFrameMs: 5000 }, 60_000)
    first.keeper.frame(61_000, true)
    assert.deepEqual(
      first.gaps.map(({ fromMs, toMs, cause }) => [fromMs, toMs, cause]),
      [
        [5000, null, 'the producer was not running'],
        [5000, 61_000, 'the producer was not running']
      ]
    )
    const second = keeper()
    second.keeper.resume(
      { open: { id: 'old', fromMs: 1, cause: 'closed' }, lastFrameMs: 1 },
      60_000
    )
    second.keeper.frame(61_000, true)
    assert.deepEqual(
      second.gaps.map(({ id, fromMs, toMs }) => [id, fromMs, toMs]),
      [
        ['old', 1, null],
        ['old', 1, 61_000]
      ]
    )
  })

  it('records dropped trades as a gap that is over', () => {
    const { gaps, keeper: made } = keeper()
    made.frame(1, true)
    made.dropped('the spool is full', { fromMs: 10, toMs: 20, symbols: ['MSFT'] }, 30)
    assert.deepEqual(
      gaps.map(({ fromMs, toMs, symbols }) => [fromMs, toMs, symbols]),
      [[10, 20, ['MSFT']]]
    )
    assert.equal(made.current, undefined)
  })
})
