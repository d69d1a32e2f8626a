import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mapColumns, readTrade } from '../../../../services/tools/src/history/columns.ts'

const ALL = {
  time: 'time',
  symbol: 'symbol',
  price: 'price',
  size: 'size',
  conditions: 'c'
} as const
const T_MS = Date.UTC(2026, 2, 10, 14, 0, 0, 123)
const ROW = { time: T_MS, symbol: 'AAPL', price: 1.5, size: 7, c: '1;12' }
const timeOf = (time: unknown): unknown => {
  const { trade, problem } = { trade: undefined, ...readTrade({ ...ROW, time }, ALL, undefined) }
  return trade?.t ?? problem
}

describe('mapColumns()', () => {
  it('guesses columns of well-known names, whatever their case', () => {
    const { columns, problems } = mapColumns(
      ['SIP_Timestamp', 'Ticker', 'Price', 'Volume', 'x'],
      [],
      undefined
    )
    assert.deepEqual(problems, [])
    assert.deepEqual(columns, {
      time: 'SIP_Timestamp',
      symbol: 'Ticker',
      price: 'Price',
      size: 'Volume'
    })
  })

  it('reads the export of tapedeck without being told', () => {
    const own = [
      'id',
      'symbol',
      'time',
      'tradedAt',
      'price',
      'size',
      'conditions',
      'session',
      'receivedAt'
    ]
    assert.deepEqual(mapColumns(own, [], undefined).columns, {
      time: 'time',
      symbol: 'symbol',
      price: 'price',
      size: 'size',
      conditions: 'conditions'
    })
  })

  it('takes what is named, and needs no symbol where all rows have the same', () => {
    const { columns, problems } = mapColumns(['t', 'Last', 'price', 'v'], ['price=Last'], 'AAPL')
    assert.deepEqual(problems, [])
    assert.deepEqual(columns, { time: 't', price: 'Last', size: 'v' })
  })

  it('names everything that is missing or wrong, with what was probably meant', () => {
    const { problems } = mapColumns(['when', 'price'], ['prize=price', 'size=Prce'], undefined)
    assert.equal(problems.length, 5)
    assert.match(problems[0] ?? '', /prize=price found, expected FIELD=COLUMN.*did you mean price/)
    assert.match(
      problems[1] ?? '',
      /size=Prce found, but the file has when, price; did you mean price/
    )
    assert.match(
      problems.join('\n'),
      /no column is known for time: .*expected --columns time=COLUMN/
    )
    assert.match(problems.join('\n'), /for symbol: .*or --symbol for all rows/)
  })
})

describe('readTrade()', () => {
  it('reads times in any unit and form, rounded down to ms', () => {
    const micros = BigInt(T_MS) * 1000n
    for (const time of [
      T_MS,
      String(T_MS),
      BigInt(T_MS),
      micros + 999n,
      String(micros),
      micros * 1000n + 999_999n,
      new Date(T_MS),
      '2026-03-10T14:00:00.123Z',
      '2026-03-10 14:00:00.123+00',
      '2026-03-10 10:00:00.123 -0400'
    ])
      assert.equal(timeOf(time), T_MS, String(time))
    assert.equal(timeOf(Math.floor(T_MS / 1000)), T_MS - 123)
    fc.assert(
      fc.property(fc.integer({ min: 1e11, max: 4e12 }), (ms) => {
        assert.equal(timeOf(ms), ms)
        assert.equal(timeOf(new Date(ms).toISOString()), ms)
        assert.equal(timeOf(BigInt(ms) * 1_000_000n), ms)
      })
    )
  })

  it('refuses a time without a zone, because it is another moment elsewhere', () => {
    for (const time of ['2026-03-10T14:00:00', '10.03.2026', '', null, 'soon'])
      assert.match(
        String(timeOf(time)),
        /^time is .*expected epoch s, ms, us or ns, or ISO 8601 with a zone/
      )
  })

  it('reads conditions as a list, or as a text with separators', () => {
    const codes = (c: unknown): unknown => {
      const reading = readTrade({ ...ROW, c }, ALL, undefined)
      return reading.problem ?? reading.trade.c
    }
    assert.deepEqual(codes('1;12'), ['1', '12'])
    assert.deepEqual(codes('[1, "12"]'), ['1', '12'])
    assert.deepEqual(codes(['1', '12']), ['1', '12'])
    assert.deepEqual(codes(37), ['37'])
    for (const none of ['', null, undefined]) assert.equal(codes(none), null)
  })

  it('says what is wrong with a row', () => {
    const problem = (given: object): string =>
      readTrade({ ...ROW, ...given }, ALL, undefined).problem ?? 'none'
    assert.equal(problem({}), 'none')
    assert.match(problem({ price: 'much' }), /price is 'much', expected a number/)
    assert.match(problem({ price: '-1' }), /price is not positive/)
    assert.match(problem({ size: '' }), /size is missing, expected a number/)
    assert.match(problem({ symbol: '' }), /symbol/)
  })

  it('never throws, whatever the row is', () => {
    fc.assert(
      fc.property(fc.object(), fc.anything(), (row, time) => {
        readTrade({ ...row, time }, ALL, undefined)
      })
    )
  })
})
