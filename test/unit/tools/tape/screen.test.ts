import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { screenLines, TapeState } from '@tapedeck/tools/testing'
import { aBarRow, aTradeRow } from './stream-rows.ts'

const options = {
  columns: 80,
  rows: 24,
  timeframe: '1m',
  trouble: '',
  calm: 'live',
  hasColours: false,
  nowMs: Date.UTC(2026, 2, 10, 14, 3, 22)
}

describe('screenLines()', () => {
  const state = new TapeState(['AAPL', 'MSFT'])
  state.take({
    isSnapshot: false,
    bars: [1, 2, 3].map((close, at) => aBarRow({ id: `b${at}`, time: at, open: 1, close })),
    trades: [aTradeRow({ price: 2 }), aTradeRow({ id: 'c-1-1', price: 3, eligible: 'volume' })]
  })

  it('shows each symbol, then the tape with the newest trade first', () => {
    const lines = screenLines(state, options)
    assert.match(lines[0] ?? '', /^tapedeck +live \(simulated\) +14:03:22 UTC$/)
    assert.match(lines[2] ?? '', /^AAPL +3 +\+200\.00 % +▁▅█$/)
    assert.match(lines[3] ?? '', /^MSFT +no trade yet$/)
    assert.match(lines[5] ?? '', /^14:00:00\.000 +AAPL +3 +100 +volume$/)
    assert.match(lines[6] ?? '', /^14:00:00\.000 +AAPL +2 +100$/)
  })

  it('fits into any terminal', () => {
    for (const columns of [20, 40, 80, 200]) {
      for (const rows of [4, 10, 24]) {
        const lines = screenLines(state, { ...options, columns, rows })
        assert.ok(lines.length <= rows)
        assert.ok(lines.every((line) => line.length <= columns))
      }
    }
  })

  it('says what is wrong instead of live', () => {
    assert.match(
      screenLines(state, { ...options, trouble: 'the api does not answer' })[0] ?? '',
      /the api does not answer/
    )
    const out = new TapeState(['AAPL'])
    const gap = {
      kind: 'gap',
      id: 'g',
      feed: 'f',
      from: 1,
      to: null,
      isOpen: true,
      symbols: [],
      log: null
    } as const
    out.take({ isSnapshot: false, feed: [{ ...gap, cause: 'closed with code 1006' }] })
    assert.match(screenLines(out, options)[0] ?? '', /no feed: closed with code 1006/)
    out.take({
      isSnapshot: false,
      feed: [{ ...gap, isOpen: false, cause: 'closed with code 1006' }]
    })
    assert.match(screenLines(out, options)[0] ?? '', /live/)
  })
})
