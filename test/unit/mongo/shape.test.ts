import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  BSON,
  nullable,
  orEmpty,
  orNull,
  readable,
  shapeOf,
  throughBson
} from '@tapedeck/mongo/testing'
import fc from 'fast-check'

const SHAPE = shapeOf({
  _id: 'text',
  price: 'number',
  at: 'date',
  reason: orNull('text'),
  until: nullable('date'),
  codes: orEmpty('texts'),
  rows: { each: shapeOf({ name: 'text', size: orNull('number') }), or: [] }
})
const GOOD = {
  _id: 'a',
  price: 1.5,
  at: new Date(5),
  reason: null,
  until: null,
  codes: ['1'],
  rows: []
}

function read(...documents: Record<string, unknown>[]) {
  const problems: string[] = []
  const found = readable('trades', SHAPE, documents, {
    unreadable: ({ collection, id, problem }) => problems.push(`${collection} ${id}: ${problem}`)
  })
  return { found, problems }
}

describe('readable()', () => {
  it('reads what fits as it is, and the other numbers of BSON as numbers', () => {
    assert.deepEqual(read(GOOD), { found: [GOOD], problems: [] })
    for (const price of [
      BSON.Decimal128.fromString('1.5'),
      new BSON.Double(1.5),
      new BSON.Int32(3),
      BSON.Long.fromNumber(2 ** 60)
    ]) {
      const { found, problems } = read(throughBson({ ...GOOD, price }))
      assert.equal(typeof found[0]?.['price'], 'number')
      assert.deepEqual(problems, [])
    }
  })

  it('leaves out a document of which a field does not fit, and says what was found', () => {
    for (const [change, problem] of [
      [{ price: NaN }, 'price is NaN, expected a number'],
      [{ price: '1.5' }, "price is '1.5', expected a number"],
      [{ price: BSON.Decimal128.fromString('Infinity') }, 'price is Infinity, expected a number'],
      [{ at: null }, 'at is null, expected a date from 1900 to 9999'],
      [{ at: '2026-11-27' }, "at is '2026-11-27', expected a date from 1900 to 9999"],
      [{ at: undefined }, 'at is missing, expected a date from 1900 to 9999'],
      [{ until: 'later' }, "until is 'later', expected a date from 1900 to 9999"],
      [{ _id: new BSON.ObjectId() }, /^_id is ObjectId\('[0-9a-f]{24}'\), expected a text$/]
    ] as const) {
      const { found, problems } = read(GOOD, { ...GOOD, ...change })
      assert.deepEqual(found, [GOOD])
      assert.equal(problems.length, 1)
      const text = problems[0]?.replace(/^trades .+?: /, '') ?? ''
      if (typeof problem === 'string') assert.equal(text, problem)
      else assert.match(text, problem)
    }
  })

  it('reads null or nothing where a value may be missing', () => {
    const { _id, price, at } = GOOD
    assert.deepEqual(read({ _id, price, at }).found, [{ ...GOOD, codes: [] }])
    const odd = {
      ...GOOD,
      reason: 5,
      codes: [1],
      rows: [{ name: 'x', size: 'big' }, { name: 1 }, 7]
    }
    const { found, problems } = read(odd)
    assert.deepEqual(found, [{ ...GOOD, codes: [], rows: [{ name: 'x', size: null }] }])
    assert.equal(problems.length, 5)
  })

  it('never throws, and what it returns fits', () => {
    const anything = fc.anything({ withDate: true, withBigInt: true, withNullPrototype: true })
    const name = fc.constantFrom(...Object.keys(GOOD))
    fc.assert(
      fc.property(fc.dictionary(name, anything), (changes) => {
        const { found, problems } = read({ ...GOOD, ...changes })
        for (const document of found) {
          assert.equal(typeof document['_id'], 'string')
          assert.ok(Number.isFinite(document['price']))
          assert.ok(document['at'] instanceof Date)
          assert.ok(document['until'] === null || document['until'] instanceof Date)
          assert.ok(Array.isArray(document['codes']) && Array.isArray(document['rows']))
        }
        assert.ok(found.length + problems.length > 0)
      })
    )
  })
})
