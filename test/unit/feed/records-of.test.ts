import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectionId, recordsOf } from '@tapedeck/feed'

const ORIGIN = { feed: 'finnhub', connection: 'c', frame: 4, receivedAt: 1_764_000_600_200 }

describe('recordsOf()', () => {
  it('makes one record a symbol, in frame order, with the trades as Finnhub sent them', () => {
    const trade = (s: string, index: number) => ({ s, p: index + 1, t: 5, v: 1, c: null, index })
    const records = recordsOf([trade('B', 0), trade('A', 1), trade('B', 2)], ORIGIN)
    assert.deepEqual(records, [
      {
        version: 1,
        ...ORIGIN,
        symbol: 'B',
        indexes: [0, 2],
        trades: [
          { p: 1, t: 5, v: 1, c: null },
          { p: 3, t: 5, v: 1, c: null }
        ]
      },
      { version: 1, ...ORIGIN, symbol: 'A', indexes: [1], trades: [{ p: 2, t: 5, v: 1, c: null }] }
    ])
  })
})

describe('connectionId()', () => {
  it('rises as text, also within one millisecond and when the clock steps back', () => {
    const ids = [5000, 5000, 4000, 1_764_000_600_200].map((ms) => connectionId(1e12 + ms))
    assert.deepEqual(ids.toSorted(), ids)
    assert.equal(new Set(ids).size, 4)
  })
})
