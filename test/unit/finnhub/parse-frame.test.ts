import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { connectionId, parseFrame, recordsOf } from '@tapedeck/finnhub'
import { recordProblem } from '@tapedeck/domain'

const ORIGIN = { feed: 'finnhub', connection: 'c', frame: 4, receivedAt: 1_764_000_600_200 }

describe('parseFrame()', () => {
  it('reads trades in genuine key order, with conditions as sent', () => {
    const frame = parseFrame(
      '{"data":[{"c":["1","12"],"p":164.0601,"s":"AAPL","t":1764000600123,"v":5},{"p":91234.5,"s":"BINANCE:BTCUSDT","t":1764000600124,"v":8e-05,"c":null},{"p":1,"s":"X","t":1,"v":1}],"type":"trade"}'
    )
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(
      frame.trades.map(({ s, v, c, index }) => [s, v, c, index]),
      [
        ['AAPL', 5, ['1', '12'], 0],
        ['BINANCE:BTCUSDT', 0.00008, null, 1],
        ['X', 1, undefined, 2]
      ]
    )
  })

  it('knows pings, errors and types without trades', () => {
    assert.deepEqual(parseFrame('{"type":"ping"}'), { kind: 'ping' })
    assert.deepEqual(parseFrame('{"type":"error","msg":"Subscribing to too many symbols"}'), {
      kind: 'error',
      message: 'Subscribing to too many symbols'
    })
    assert.deepEqual(parseFrame('{"type":"news","data":[]}'), { kind: 'other', type: 'news' })
  })

  it('keeps the good trades of a frame that has a bad one, at their own places', () => {
    const frame = parseFrame(
      '{"type":"trade","data":[{"s":"A","p":0,"t":1,"v":1},{"s":"A","p":2,"t":1,"v":1},{"p":2,"t":1,"v":1}]}'
    )
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(
      frame.trades.map(({ index }) => index),
      [1]
    )
    assert.deepEqual(
      frame.refused.map(({ index, reason }) => [index, reason]),
      [
        [0, 'price is not positive'],
        [2, 'symbol is not a text']
      ]
    )
  })

  it('says why a frame is malformed', () => {
    for (const [text, reason] of [
      ['{', /not JSON/],
      ['[]', /not an object/],
      ['{}', /no type/],
      ['{"type":"trade"}', /no data list/]
    ] as const) {
      const frame = parseFrame(text)
      assert.ok(frame.kind === 'malformed')
      assert.match(frame.reason, reason)
    }
  })

  it('never throws, and what it accepts fits the schema of raw_data', () => {
    const piece = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          s: fc.jsonValue(),
          p: fc.jsonValue(),
          t: fc.jsonValue(),
          v: fc.jsonValue(),
          c: fc.jsonValue()
        },
        { requiredKeys: [] }
      )
    )
    const value = fc.oneof(
      fc.record(
        { type: fc.constantFrom('trade', 'ping', 'x', 7), data: fc.array(piece) },
        { requiredKeys: [] }
      ),
      fc.jsonValue()
    )
    fc.assert(
      fc.property(
        fc.oneof(
          value.map((found) => JSON.stringify(found)),
          fc.string()
        ),
        (text) => {
          const frame = parseFrame(text)
          if (frame.kind !== 'trades') return
          for (const record of recordsOf(frame.trades, ORIGIN)) {
            assert.equal(
              recordProblem(JSON.parse(JSON.stringify(record)), record.symbol),
              undefined
            )
          }
        }
      ),
      { numRuns: 2000 }
    )
  })
})

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
