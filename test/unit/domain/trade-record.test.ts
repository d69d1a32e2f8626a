import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  decodeRecord,
  encodeGapRecord,
  encodeTradeRecord,
  MAX_FRAME_INDEX,
  parseTradeId,
  recordProblem,
  recordsOf,
  tradeId,
  tradePlace,
  tradeProblem,
  type GapRecord
} from '@tapedeck/domain'
import fc from 'fast-check'
import { aGap, aRecord, aTrade } from '../../support/trades.ts'

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

describe('copyOf', () => {
  it('is in every record of a copied frame, and names an earlier one', () => {
    const [record] = recordsOf([{ s: 'AAPL', p: 1, t: 5, v: 1, index: 0 }], {
      ...ORIGIN,
      copyOf: 3
    })
    assert.equal(record?.copyOf, 3)
    assert.equal(recordProblem(record, 'AAPL'), undefined)
    for (const copyOf of [4, 5, -1, 1.5, '3', null]) {
      assert.equal(recordProblem({ ...record, copyOf }, 'AAPL'), 'copyOf is no earlier frame')
    }
  })
})

describe('the id of a trade', () => {
  it('parses back to its place, also from a sequence', () => {
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
  it('decodes a trade record and a gap unchanged', () => {
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

  it('reports what is wrong instead of throwing', () => {
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

describe('recordProblem()', () => {
  it('finds nothing wrong with a record', () => {
    assert.equal(recordProblem(JSON.parse(JSON.stringify(aRecord())), 'AAPL'), undefined)
  })

  const bad: readonly [string, unknown, RegExp][] = [
    ['a text', 'x', /not an object/],
    ['another version', { ...aRecord(), version: 2 }, /version/],
    ['another key', { ...aRecord(), symbol: 'MSFT' }, /key is not the symbol/],
    ['no trades', { ...aRecord(), trades: [] }, /trades are missing/],
    ['indexes that do not match', { ...aRecord(), indexes: [0, 1] }, /indexes do not match/],
    [
      'indexes that fall',
      aRecord({ trades: [aTrade(), aTrade()], indexes: [1, 0] }),
      /do not rise/
    ],
    ['a price of zero', aRecord({ trades: [aTrade({ p: 0 })] }), /price is not positive/]
  ]
  for (const [name, value, expected] of bad) {
    it(`refuses ${name}`, () => assert.match(recordProblem(value, 'AAPL') ?? '', expected))
  }
})

describe('tradeProblem()', () => {
  it('accepts conditions that are absent, null, empty or codes, and sizes of zero and fractions', () => {
    for (const trade of [
      { p: 1, t: 1, v: 0 },
      { p: 1, t: 1, v: 0.000_08, c: null },
      { p: 1, t: 1, v: 1, c: [] },
      { p: 1, t: 1, v: 1, c: ['1', '12'] }
    ]) {
      assert.equal(tradeProblem(trade), undefined)
    }
  })

  it('refuses numbers as text, infinite numbers, negative sizes and times that are no ms', () => {
    for (const trade of [
      { p: '1', t: 1, v: 1 },
      { p: NaN, t: 1, v: 1 },
      { p: Infinity, t: 1, v: 1 },
      { p: 1, t: 1.5, v: 1 },
      { p: 1, t: 1, v: -1 },
      { p: 1, t: 1, v: null },
      { p: 1, t: 1, v: 1, c: '1' },
      { p: 1, t: 1, v: 1, c: [1] },
      { p: 1, t: 1, v: 1, c: ['\ud800'] },
      { p: 1, t: 1, v: 1, i: '\ud800' },
      { p: 1, t: 1, v: 1, i: 'x'.repeat(101) },
      null
    ]) {
      assert.notEqual(tradeProblem(trade), undefined)
    }
  })

  it('refuses what no date, no calendar and no sum holds, with what was found and is expected', () => {
    for (const [trade, problem] of [
      [
        { p: 1, t: 9e15, v: 1 },
        'time is not epoch ms: 9000000000000000, expected 1 to 253399622400000'
      ],
      [{ p: 1, t: -5, v: 1 }, 'time is not epoch ms: -5, expected 1 to 253399622400000'],
      [{ p: 1e51, t: 1, v: 1 }, 'price is out of range: 1e+51, expected 1e-50 to 1e+50'],
      [{ p: 5e-324, t: 1, v: 1 }, 'price is out of range: 5e-324, expected 1e-50 to 1e+50'],
      [{ p: 1, t: 1, v: 1e-51 }, 'size is out of range: 1e-51, expected 1e-50 to 1e+50']
    ] as const) {
      assert.equal(tradeProblem(trade), problem)
    }
    assert.equal(tradeProblem({ p: 1e-50, t: 253_399_622_400_000, v: 1e50 }), undefined)
    for (const receivedAt of [-1, 9e15, 1.5]) {
      assert.equal(recordProblem(aRecord({ receivedAt }), 'AAPL'), 'receivedAt is not epoch ms')
    }
    assert.match(recordProblem(aRecord({ frame: 2 ** 41 }), 'AAPL') ?? '', /^frame is over/)
    assert.match(recordProblem(aRecord({ connection: '\ud800' }), 'AAPL') ?? '', /no name/)
    assert.match(recordProblem(aRecord({ feed: 'x'.repeat(101) }), 'AAPL') ?? '', /no name/)
  })
})

describe('the reason why a record or a trade does not fit', () => {
  const trades = (count: number) =>
    aRecord({ trades: Array.from({ length: count }, () => aTrade()) })
  const amended = (amendments: unknown) => ({ ...aRecord(), amendments })
  const amendment = { index: 3, kind: 'cancel', of: 'v1', by: null, t: 5 }
  const records: readonly [value: unknown, problem: string | undefined][] = [
    [null, 'value is not an object'],
    [{ ...aRecord(), version: 2 }, 'version is not 1'],
    [{ ...aRecord(), symbol: '' }, 'symbol is missing'],
    [{ ...aRecord(), symbol: 'MSFT' }, 'key is not the symbol'],
    [{ ...aRecord(), feed: '' }, 'feed is missing'],
    [{ ...aRecord(), feed: 1 }, 'feed is missing'],
    [{ ...aRecord(), connection: '' }, 'connection is missing'],
    [{ ...aRecord(), connection: null }, 'connection is missing'],
    [{ ...aRecord(), frame: -1 }, 'frame is missing'],
    [{ ...aRecord(), frame: 0.5 }, 'frame is missing'],
    [{ ...aRecord(), frame: 0 }, undefined],
    [{ ...aRecord(), receivedAt: 0.5 }, 'receivedAt is not epoch ms'],
    [{ ...aRecord(), trades: {} }, 'trades are missing'],
    [{ ...aRecord(), trades: [], indexes: [] }, 'trades are missing'],
    [trades(1000), undefined],
    [trades(1001), 'more than 1000 trades'],
    [{ ...aRecord(), indexes: {} }, 'indexes do not match'],
    [{ ...aRecord(), indexes: [] }, 'indexes do not match'],
    [{ ...aRecord(), indexes: ['0'] }, 'an index is no number'],
    [{ ...aRecord(), indexes: [0.5] }, 'an index is no number'],
    [{ ...aRecord(), indexes: [-1] }, 'indexes do not rise'],
    [{ ...aRecord(), indexes: [4096] }, 'indexes do not rise'],
    [{ ...aRecord(), indexes: [4095] }, undefined],
    [{ ...trades(2), indexes: [3, 3] }, 'indexes do not rise'],
    [{ ...aRecord(), trades: [{ p: 1, t: 1 }] }, 'size is not a number'],
    [amended({}), 'amendments are no list'],
    [amended([]), 'amendments are no list'],
    [amended([null]), 'an amendment is not an object'],
    [amended(['x']), 'an amendment is not an object'],
    [amended([{ ...amendment, index: 'x' }]), 'an amendment has no index'],
    [amended([{ ...amendment, kind: 'x' }]), 'an amendment is of no kind'],
    [amended([{ ...amendment, of: '' }]), 'an amendment names no trade'],
    [amended([{ ...amendment, of: 1 }]), 'an amendment names no trade'],
    [amended([{ ...amendment, t: null }]), 'an amendment has no time'],
    [amended([{ ...amendment, kind: 'correction' }]), 'an amendment has no fitting trade'],
    [amended([{ ...amendment, by: { p: 0 } }]), 'an amendment has no fitting trade'],
    [amended([amendment, { ...amendment, kind: 'correction', by: aTrade() }]), undefined],
    [{ ...amended([amendment]), trades: [], indexes: [] }, undefined]
  ]
  for (const [index, [value, problem]] of records.entries()) {
    it(`of record ${index + 1} is: ${problem ?? 'none'}`, () => {
      assert.equal(recordProblem(value, 'AAPL'), problem)
    })
  }

  const good = { p: 1, t: 1, v: 1 }
  const badTrades: readonly [value: unknown, problem: string | undefined][] = [
    ['x', 'trade is not an object'],
    [null, 'trade is not an object'],
    [{ ...good, p: '1' }, 'price is not a number'],
    [{ ...good, p: Infinity }, 'price is not a number'],
    [{ ...good, p: 0 }, 'price is not positive'],
    [{ ...good, p: -1 }, 'price is not positive'],
    [{ ...good, t: '1' }, 'time is not epoch ms'],
    [{ ...good, t: 1.5 }, 'time is not epoch ms'],
    [{ ...good, t: 0 }, `time is not epoch ms: 0, expected 1 to ${Date.UTC(9999, 11, 1)}`],
    [{ ...good, v: '1' }, 'size is not a number'],
    [{ ...good, v: NaN }, 'size is not a number'],
    [{ ...good, v: -1 }, 'size is negative'],
    [{ ...good, c: 'x' }, 'conditions are not a list'],
    [{ ...good, c: ['1', 1] }, 'a condition is not a text'],
    [{ ...good, i: 1 }, 'id is not a text'],
    [{ ...good, i: 'v1' }, undefined]
  ]
  for (const [index, [value, problem]] of badTrades.entries()) {
    it(`of trade ${index + 1} is: ${problem ?? 'none'}`, () => {
      assert.equal(tradeProblem(value), problem)
    })
  }

  const gap = { ...aGap(1, 2), symbols: ['AAPL'] }
  const gaps: readonly [value: unknown, problem: string | undefined][] = [
    ['x', 'value is not an object'],
    [null, 'value is not an object'],
    [{ ...gap, version: 2 }, 'not a gap of version 1'],
    [{ ...gap, kind: 'x' }, 'not a gap of version 1'],
    [{ ...gap, id: '' }, 'id is missing'],
    [{ ...gap, id: 1 }, 'id is missing'],
    [{ ...gap, feed: '' }, 'feed is missing'],
    [{ ...gap, feed: 1 }, 'feed is missing'],
    [{ ...gap, fromMs: 'x' }, 'from or to is not epoch ms'],
    [{ ...gap, toMs: 0.5 }, 'from or to is not epoch ms'],
    [{ ...gap, fromMs: null, toMs: null }, undefined],
    [{ ...gap, cause: 1 }, 'cause is missing'],
    [{ ...gap, symbols: 'AAPL' }, 'symbols are not a list of texts'],
    [{ ...gap, symbols: ['AAPL', 1] }, 'symbols are not a list of texts'],
    [{ ...gap, at: 'x' }, 'at is not epoch ms']
  ]
  for (const [index, [value, problem]] of gaps.entries()) {
    it(`of gap ${index + 1} is: ${problem ?? 'none'}`, () => {
      const { problem: found } = decodeRecord(
        Buffer.from(' gap'),
        Buffer.from(JSON.stringify(value))
      )
      assert.equal(found, problem)
    })
  }

  it('of a value is its size from 900 001 bytes on', () => {
    const text = JSON.stringify(aRecord())
    const of = (bytes: number) => decodeRecord(Buffer.from('AAPL'), Buffer.from(text.padEnd(bytes)))
    assert.deepEqual(of(900_000).record, aRecord())
    assert.deepEqual(of(900_001), { problem: 'value has 900001 bytes' })
  })
})

describe('recordsOf(), with amendments', () => {
  it('puts them into the record of their symbol, which may have no trades', () => {
    const amendment = { index: 1, kind: 'cancel', of: 'v1', by: null, t: 5 } as const
    const trade = { s: 'A', p: 1, t: 5, v: 1, c: null, index: 0 }
    const made = recordsOf([trade], ORIGIN, [
      { ...amendment, s: 'A' },
      { ...amendment, s: 'B' },
      { ...amendment, s: 'A', index: 2 }
    ])
    assert.deepEqual(
      made.map(({ symbol, indexes, amendments }) => ({ symbol, indexes, amendments })),
      [
        { symbol: 'A', indexes: [0], amendments: [amendment, { ...amendment, index: 2 }] },
        { symbol: 'B', indexes: [], amendments: [amendment] }
      ]
    )
  })
})
