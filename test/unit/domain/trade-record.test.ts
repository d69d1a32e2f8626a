import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  decodeRecord,
  encodeGapRecord,
  encodeTradeRecord,
  MAX_FRAME_INDEX,
  parseTradeId,
  recordsOf,
  tradeId,
  tradePlace,
  type GapRecord
} from '@tapedeck/domain'
import fc from 'fast-check'
import { aRecord } from '../../support/trades.ts'

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

describe('the id of a trade', () => {
  it('is read back as the place that it was made of, also from a sequence', () => {
    const place = fc.tuple(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      fc.nat(2 ** 40 - 1),
      fc.nat(MAX_FRAME_INDEX - 1)
    )
    fc.assert(
      fc.property(place, ([connection, frame, index]) => {
        const given = { connection, frame, index }
        const { sequence, ...parsed } = parseTradeId(tradeId(given))
        assert.deepEqual(parsed, given)
        assert.deepEqual(tradePlace(connection, sequence), given)
      })
    )
  })

  it('is the first of a connection of that name when it is no trade id', () => {
    for (const id of ['', 'x', 'a-b', 'a-1-x', 'a-9007199254740991-1']) {
      assert.deepEqual(parseTradeId(id), { connection: id, frame: 0, index: 0, sequence: 0 })
    }
  })
})

describe('record codec', () => {
  it('brings a trade record and a gap back unchanged', () => {
    const record = aRecord()
    const trades = encodeTradeRecord(record)
    assert.deepEqual(
      decodeRecord(Buffer.from(trades.key), Buffer.from(trades.value)).record,
      record
    )
    const gap: GapRecord = {
      version: 1,
      kind: 'gap',
      id: 'gap-1',
      feed: 'finnhub',
      fromMs: 1,
      toMs: null,
      cause: 'closed',
      symbols: ['AAPL'],
      at: 2
    }
    const { key, value } = encodeGapRecord(gap)
    assert.deepEqual(decodeRecord(Buffer.from(key), Buffer.from(value)).gap, gap)
  })

  it('says what is wrong instead of throwing', () => {
    const problems = [
      decodeRecord(null, null),
      decodeRecord(null, Buffer.from('{')),
      decodeRecord(null, Buffer.from(JSON.stringify(aRecord()))),
      decodeRecord(Buffer.from('AAPL'), Buffer.alloc(1_000_000, 32))
    ].map(({ problem }) => problem?.split(':')[0])
    assert.deepEqual(problems, [
      'value is missing',
      'value is not JSON',
      'key is not the symbol',
      'value has 1000000 bytes'
    ])
  })
})
