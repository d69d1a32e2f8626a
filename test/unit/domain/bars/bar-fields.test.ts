import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  BAR_FIELDS,
  BAR_ROW,
  objectMaker,
  PUBLISHED_BAR,
  STORED_BAR,
  type BarFieldKind,
  type BarFields
} from '@tapedeck/domain'
import {
  GOLDEN_DOCUMENT,
  GOLDEN_PUBLISHED,
  GOLDEN_ROW,
  GOLDEN_SCHEMA,
  goldenBar
} from '../../../support/golden-bar.ts'

const { updatedAt: _u, source: _s, exact: _e, ...STORED } = GOLDEN_DOCUMENT
const { source: _p, ...PUBLISHED } = GOLDEN_PUBLISHED

/** Equal, with the names in the same order. */
function assertSame(actual: object, expected: object): void {
  assert.deepEqual(actual, expected)
  assert.deepEqual(Object.keys(actual), Object.keys(expected))
}

describe('BAR_FIELDS', () => {
  it('makes the document, the row and the record on the topic from a bar, in order', () => {
    const stored = objectMaker(STORED_BAR)(goldenBar(), { policy: 'feed', tradeDate: '2025-01-31' })
    assertSame(stored, STORED)
    assertSame(objectMaker(BAR_ROW)(stored), GOLDEN_ROW)
    assertSame(objectMaker(PUBLISHED_BAR)(stored), PUBLISHED)
  })

  it('gives each field of a row the kind and the nulls of its schema', () => {
    const types: Record<BarFieldKind, string> = {
      text: 'string',
      texts: 'array',
      time: 'integer',
      price: 'number',
      amount: 'number',
      ratio: 'number',
      count: 'integer',
      flag: 'boolean',
      'bar status': 'string'
    }
    const found = Object.entries(BAR_FIELDS).map(
      ([name, { kind, row = name, isNullable = false }]) => [
        row,
        { type: types[kind], nullable: isNullable }
      ]
    )
    const expected = Object.entries(GOLDEN_SCHEMA).map(([name, schema]) => [
      name,
      { type: [schema.type].flat()[0], nullable: Array.isArray(schema.type) }
    ])
    assert.deepEqual(found, expected)
  })

  it('parts the fields by what decides them', () => {
    const of = (origin: string): string[] =>
      Object.entries(BAR_FIELDS).flatMap(([name, field]) => (field.origin === origin ? [name] : []))
    assert.deepEqual(of('derived'), ['changePercent', 'coveragePercent', 'isComplete'])
    assert.deepEqual(of('window'), ['_id', 'symbol', 'timeframe', 'start', 'end', 'tradeDate'])
    assert.deepEqual(
      of('history').toSorted(),
      Object.keys(BAR_FIELDS)
        .filter(
          (name) => !['trades', 'derived', 'window'].some((origin) => of(origin).includes(name))
        )
        .toSorted()
    )
    assert.ok(['status', 'coverage', 'policy'].every((name) => of('history').includes(name)))
    assert.ok(['open', 'volume', 'feed'].every((name) => of('trades').includes(name)))
  })

  it('names the sum behind each field that depends on the order of the tape', () => {
    const sums = Object.entries(BAR_FIELDS).flatMap(([name, { sumInTapeOrder }]) =>
      sumInTapeOrder === undefined ? [] : [`${name}: ${sumInTapeOrder}`]
    )
    assert.deepEqual(sums, [
      'realisedVolatility: squaredReturns',
      'inferredUpVolume: upVolume',
      'inferredDownVolume: downVolume',
      'inferredUnchangedVolume: unchangedVolume'
    ])
  })

  it('derives the change, the coverage in percent and whether a bar is complete', () => {
    const row = (given: Partial<BarFields>) => {
      const { changePercent, coveragePercent, isComplete } = objectMaker(BAR_ROW)({
        ...STORED,
        ...given
      })
      return { changePercent, coveragePercent, isComplete }
    }
    const none = { changePercent: null, coveragePercent: null, isComplete: false }
    assert.deepEqual(row({ open: 100, close: 125, coverage: 1 }), {
      changePercent: 25,
      coveragePercent: 100,
      isComplete: true
    })
    assert.deepEqual(row({ open: null, close: 125, coverage: null }), none)
    assert.deepEqual(row({ open: 100, close: null, coverage: null }), none)
    assert.deepEqual(row({ open: 0, close: 125, coverage: null }), none)
    assert.equal(row({ status: 'final', coverage: 1 }).isComplete, true)
    assert.equal(row({ status: 'provisional', coverage: 1 }).isComplete, false)
  })
})
