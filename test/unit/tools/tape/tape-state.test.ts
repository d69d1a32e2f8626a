import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapeState } from '@tapedeck/tools/testing'
import { aBarRow, aTradeRow } from './stream-rows.ts'

describe('TapeState', () => {
  it('replaces a bar by its newer version, and keeps bars in order of time', () => {
    const state = new TapeState(['AAPL'])
    const [first, second] = [aBarRow({ id: 'a', time: 1 }), aBarRow({ id: 'b', time: 2 })]
    state.take({
      isSnapshot: false,
      bars: [second, first, { ...second, close: 7, status: 'final' }]
    })
    assert.deepEqual(
      state.symbols.get('AAPL')?.bars.map(({ id, close }) => ({ id, close })),
      [
        { id: 'a', close: 100 },
        { id: 'b', close: 7 }
      ]
    )
  })

  it('moves the last price by newer trades only', () => {
    const state = new TapeState(['AAPL'])
    const newest = aTradeRow({ price: 101 })
    const late = aTradeRow({ id: 'c-1-1', price: 90, time: newest.time - 1 })
    state.take({ isSnapshot: false, trades: [newest, late] })
    assert.equal(state.symbols.get('AAPL')?.last?.price, 101)
    assert.deepEqual(
      state.trades.map(({ direction }) => direction),
      [0, -1]
    )
  })

  it('counts what was dropped', () => {
    const state = new TapeState([])
    state.take({ isSnapshot: false, dropped: { trades: 4, ask: [] } })
    state.take({ isSnapshot: false, dropped: { trades: 3, ask: [] } })
    assert.equal(state.dropped, 7)
  })
})
