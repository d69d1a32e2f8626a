import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TIMEFRAME_FORMS } from '@tapedeck/domain'
import fc from 'fast-check'
import {
  LIMIT,
  query,
  readQuery,
  SYMBOLS,
  TIME,
  TIMEFRAME
} from '../../../services/api/src/query.ts'

const ALL = query({ symbol: SYMBOLS, timeframe: TIMEFRAME, from: TIME, to: TIME, limit: LIMIT })
const NAMES = ['symbol', 'timeframe', 'from', 'to', 'limit'] as const

function queryOf(raw: unknown) {
  const reading = readQuery(raw, ALL)
  assert.equal(reading.problems, undefined)
  return reading.values
}

function messagesOf(raw: unknown): Record<string, string> {
  const { problems = [] } = readQuery(raw, ALL)
  return Object.fromEntries(problems.map(({ field, message }) => [field, message]))
}

describe('readQuery', () => {
  it('defaults to all symbols, one minute and a thousand rows', () => {
    assert.deepEqual(queryOf({}), {
      symbol: undefined,
      timeframe: '1m',
      from: undefined,
      to: undefined,
      limit: 1000
    })
    assert.deepEqual(queryOf({ symbol: '*', timeframe: '', from: ' ' }), queryOf({}))
  })

  it('accepts one symbol or several, in any order', () => {
    assert.deepEqual(queryOf({ symbol: 'AAPL' }).symbol, ['AAPL'])
    assert.deepEqual(queryOf({ symbol: 'MSFT, AAPL' }), queryOf({ symbol: 'AAPL,MSFT' }))
  })

  it('accepts a time as epoch milliseconds or as ISO 8601 with a zone', () => {
    const ms = Date.UTC(2025, 0, 31, 14, 30)
    for (const text of [
      String(ms),
      '2025-01-31T14:30:00Z',
      '2025-01-31T14:30Z',
      '2025-01-31T14:30:00.000Z',
      '2025-01-31T09:30:00-05:00',
      '2025-01-31T15:30:00 01:00'
    ]) {
      assert.equal(queryOf({ from: text }).from, ms, text)
    }
    assert.equal(queryOf({ to: '2025-01-31' }).to, Date.UTC(2025, 0, 31))
  })

  it('refuses a time without a zone and a day that does not exist', () => {
    for (const text of ['2025-01-31T14:30:00', '2025-02-30', '2025-13-01', 'yesterday', '1.5']) {
      assert.match(messagesOf({ from: text })['from'] ?? '', /^from is '.*', expected epoch milli/)
    }
  })

  it('names every mistake at once', () => {
    assert.deepEqual(
      Object.keys(
        messagesOf({ symbol: 'A,,A', timeframe: '7m', from: 'x', to: 'y', limit: '0', page: '2' })
      ).toSorted(),
      ['from', 'limit', 'page', 'symbol', 'timeframe', 'to']
    )
    assert.equal(
      messagesOf({ timeframe: '7m' })['timeframe'],
      `timeframe is '7m', expected one of ${TIMEFRAME_FORMS}`
    )
  })

  it('suggests the nearest parameter', () => {
    assert.match(messagesOf({ timefram: '1m' })['timefram'] ?? '', /did you mean timeframe\?$/)
    assert.match(messagesOf({ page: '1' })['page'] ?? '', /expected one of symbol, [a-z, ]+$/)
  })

  it('refuses an empty or reversed range and a parameter given twice', () => {
    assert.match(messagesOf({ from: '20', to: '20' })['from'] ?? '', /expected a time before to/)
    assert.equal(messagesOf({ limit: ['1', '2'] })['limit'], 'limit is given twice, expected once')
  })

  it('turns any text into a valid query or a problem, and never throws', () => {
    const value = fc.oneof(fc.string(), fc.integer().map(String), fc.array(fc.string()))
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), value), (raw) => {
        const reading = readQuery(raw, ALL)
        if (reading.problems !== undefined) assert.ok(reading.problems.length > 0)
        else assert.ok(reading.values.limit >= 1 && reading.values.limit <= 10_000)
      })
    )
  })
})
