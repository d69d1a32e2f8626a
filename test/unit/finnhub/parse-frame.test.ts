import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Secret } from '@tapedeck/core'
import { recordProblem, recordsOf } from '@tapedeck/domain'
import { finnhubProtocol, parseFrame } from '@tapedeck/finnhub'

const ORIGIN = { feed: 'finnhub', connection: 'c', frame: 4, receivedAt: 1_764_000_600_200 }

describe('parseFrame()', () => {
  it('reads trades with the keys in the order of Finnhub and the conditions as sent', () => {
    const frame = parseFrame(
      '{"data":[{"c":["1","12"],"p":164.0601,"s":"AAPL","t":1764000600123,"v":5},{"p":91234.5,"s":"BINANCE:BTCUSDT","t":1764000600124,"v":8e-05,"c":null},{"p":1,"s":"X","t":1,"v":1}],"type":"trade"}'
    )
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(
      frame.trades.map(({ s, v, c, index }) => ({ s, v, c, index })),
      [
        { s: 'AAPL', v: 5, c: ['1', '12'], index: 0 },
        { s: 'BINANCE:BTCUSDT', v: 0.00008, c: null, index: 1 },
        { s: 'X', v: 1, c: undefined, index: 2 }
      ]
    )
  })

  it('keeps the id of a recorded source unless it is empty or broken text', () => {
    const frame = parseFrame(
      '{"type":"trade","data":[{"s":"A","p":1,"t":1,"v":1,"c":null,"i":"57-1"},{"s":"A","p":1,"t":1,"v":1,"i":"7"},' +
        '{"s":"A","p":1,"t":1,"v":1,"i":""},{"s":"A","p":1,"t":1,"v":1,"i":7},' +
        `{"s":"A","p":1,"t":1,"v":1,"i":"${'x'.repeat(65)}"}],"type":"trade"}`
    )
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(
      frame.trades.map(({ i, index }) => ({ i, index })),
      [
        { i: '57-1', index: 0 },
        { i: '7', index: 1 },
        { i: undefined, index: 2 }
      ]
    )
    assert.deepEqual(
      frame.refused.map(({ reason, index }) => ({ reason, index })),
      [
        { reason: 'id is not a text', index: 3 },
        { reason: 'id is too long', index: 4 }
      ]
    )
    const [record] = recordsOf(frame.trades, ORIGIN)
    assert.deepEqual(
      record?.trades.map(({ i }) => i),
      ['57-1', '7', undefined]
    )
    assert.equal(recordProblem(record, 'A'), undefined)
  })

  it('recognises pings, errors and types without trades', () => {
    assert.deepEqual(parseFrame('{"type":"ping"}'), { kind: 'ping' })
    for (const [msg, symbol] of [
      ['Invalid symbol OANDA:EUR_USD', 'OANDA:EUR_USD'],
      ['invalid symbol: IC MARKETS:1 ', 'IC MARKETS:1']
    ]) {
      assert.deepEqual(parseFrame(JSON.stringify({ type: 'error', msg })), {
        kind: 'error',
        message: msg,
        meaning: 'symbol refused',
        symbol
      })
    }
    assert.deepEqual(parseFrame('{"type":"error","msg":"Invalid symbol"}'), {
      kind: 'error',
      message: 'Invalid symbol',
      meaning: 'unknown'
    })
    assert.deepEqual(parseFrame('{"type":"error","msg":"Subscribing to too many symbols"}'), {
      kind: 'error',
      message: 'Subscribing to too many symbols',
      meaning: 'over the limit'
    })
    assert.deepEqual(parseFrame('{"type":"error","msg":"Invalid API key"}'), {
      kind: 'error',
      message: 'Invalid API key',
      meaning: 'refused'
    })
    assert.deepEqual(parseFrame('{"type":"error"}'), {
      kind: 'error',
      message: 'no text',
      meaning: 'unknown'
    })
    assert.deepEqual(parseFrame('{"type":"news","data":[]}'), { kind: 'other', type: 'news' })
  })

  it('keeps the good trades of a frame that has a bad one, with their indexes', () => {
    const frame = parseFrame(
      '{"type":"trade","data":[{"s":"A","p":0,"t":1,"v":1},{"s":"A","p":2,"t":1,"v":1},{"p":2,"t":1,"v":1}]}'
    )
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(
      frame.trades.map(({ index }) => index),
      [1]
    )
    assert.deepEqual(
      frame.refused.map(({ index, reason }) => ({ index, reason })),
      [
        { index: 0, reason: 'price is not positive' },
        { index: 2, reason: 'symbol is not a text' }
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

  it('reads at most as many trades from a frame as a record may hold, and refuses the rest', () => {
    const data = Array.from({ length: 1002 }, () => ({ s: 'A', p: 1, t: 1, v: 1 }))
    const frame = parseFrame(JSON.stringify({ type: 'trade', data }))
    assert.ok(frame.kind === 'trades')
    assert.equal(frame.trades.length, 1000)
    assert.deepEqual(
      frame.refused.map(({ index }) => index),
      [1000, 1001]
    )
  })

  it('refuses a trade nested too deep to be shown', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    const frame = parseFrame(`{"type":"trade","data":[{"s":"A","p":1,"t":1,"v":${deep}}]}`)
    assert.ok(frame.kind === 'trades')
    assert.deepEqual(frame.refused, [
      { index: 0, reason: 'size is not a number', raw: '"nested too deep to show"' }
    ])
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

describe('finnhubProtocol()', () => {
  const protocol = finnhubProtocol({
    url: 'wss://feed.test/?x=1',
    token: new Secret('k&y')
  })

  it('puts the token into the address and one symbol into a message', () => {
    assert.equal(protocol.address().url, 'wss://feed.test/?x=1&token=k%26y')
    assert.deepEqual(protocol.greeting(), [])
    assert.deepEqual(protocol.subscribe(['AAPL', 'IC MARKETS:1']), [
      '{"type":"subscribe","symbol":"AAPL"}',
      '{"type":"subscribe","symbol":"IC MARKETS:1"}'
    ])
    assert.deepEqual(protocol.unsubscribe(['AAPL']), ['{"type":"unsubscribe","symbol":"AAPL"}'])
  })

  it('recognises a trade frame by its first or last characters, and never a control frame', () => {
    for (const text of ['{"data":[],"type":"trade"}', '{"type":"trade","data":[]}']) {
      assert.ok(protocol.isTradeFrame(text))
    }
    for (const text of [
      '{"type":"ping"}',
      '{"type":"error","msg":"\\"type\\":\\"trade\\"}"}',
      '{"type":"news","data":[]}'
    ]) {
      assert.doesNotThrow(() => JSON.parse(text))
      assert.ok(!protocol.isTradeFrame(text))
    }
  })
})
