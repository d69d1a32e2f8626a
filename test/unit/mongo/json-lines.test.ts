import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BSON, JsonLines, jsonOf } from '@tapedeck/mongo/testing'
import { aForecast } from '../../support/market-documents.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.constantFrom(
    '',
    'a"b\\c/d',
    '\0\b\t\n\f\r\x1f\x7f',
    '币安人生USDT',
    '😀',
    '\ufeffx',
    '\u2028',
    '\ufffd'
  )
)
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.maxSafeInteger().map((n) => n / 10_000),
  fc.integer().map((n) => n / 100),
  fc.constantFrom(0, -0, 1e-7, 1e21, 5e-324, 0.1 + 0.2, 2 ** 53, 2 ** 31, NaN, Infinity, -Infinity)
)
/** Int64 as the server stores it, whatever its size. */
const anyLong = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 1n - 2n ** 53n, -(2n ** 53n))
)
const YEAR_0_MS = Date.parse('0000-01-01T00:00:00.000Z')
const YEAR_10000_MS = Date.parse('+010000-01-01T00:00:00.000Z')
const anyDate = fc.oneof(
  fc.date({ noInvalidDate: true }),
  fc.date({ min: new Date(0), max: new Date('2040-01-01'), noInvalidDate: true }),
  fc
    .constantFrom(
      0,
      -1,
      8.64e15,
      -8.64e15,
      YEAR_0_MS,
      YEAR_0_MS - 1,
      YEAR_10000_MS,
      YEAR_10000_MS - 1
    )
    .map((ms) => new Date(ms))
)
const ofOtherKinds = fc.constantFrom(
  new BSON.Decimal128('1.5'),
  new BSON.ObjectId('0123456789abcdef01234567'),
  new BSON.Timestamp(5n),
  new BSON.UUID('0123456789abcdef0123456789abcdef'),
  new BSON.Code('x', { y: 1 }),
  new BSON.MinKey(),
  Buffer.from('bytes'),
  /x/i,
  undefined
)
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => !name.includes('\0')),
  fc.stringMatching(/^[A-Za-z_]\w{0,9}$/),
  fc.constantFrom('', '7', '10', '1a', '$ref', '$id', '__proto__', '_id', 'toJSON', 'größe', 'a"b')
)
const { anyDocument } = fc.letrec<{ anyDocument: Record<string, unknown>; value: unknown }>(
  (tie) => ({
    anyDocument: fc.dictionary(anyName, tie('value'), { maxKeys: 8 }),
    value: fc.oneof(
      { maxDepth: 4 },
      anyText,
      anyNumber,
      anyLong,
      anyDate,
      fc.boolean(),
      fc.constant(null),
      { arbitrary: ofOtherKinds, weight: 1 },
      fc.array(tie('value'), { maxLength: 12 }),
      tie('anyDocument')
    )
  })
)
/** Of the kinds that are stored alone, so that hardly any is left to the driver. */
const { plainDocument } = fc.letrec<{ plainDocument: Record<string, unknown>; value: unknown }>(
  (tie) => ({
    plainDocument: fc.dictionary(fc.stringMatching(/^[a-z]\w{0,9}$/), tie('value'), { maxKeys: 8 }),
    value: fc.oneof(
      { maxDepth: 4 },
      anyText,
      anyNumber,
      anyDate,
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 12 }),
      tie('plainDocument')
    )
  })
)

/** What the driver reads, as JSON. */
function byTheDriver(bytes: Uint8Array): string {
  return jsonOf(BSON.deserialize(bytes))
}

function inBson(document: object): Uint8Array {
  return BSON.serialize(document, { ignoreUndefined: false })
}

describe('JsonLines', () => {
  const lines = new JsonLines()
  const isAsByTheDriver = (documents: readonly object[]): void => {
    const stored = documents.map(inBson)
    for (const bytes of stored) lines.write(bytes)
    const expected = stored.map((bytes) => `${byTheDriver(bytes)}\n`).join('')
    assert.equal(lines.take().toString(), expected)
  }

  it('writes any document as the driver reads it', () => {
    fc.assert(fc.property(fc.array(anyDocument, { maxLength: 20 }), isAsByTheDriver), {
      numRuns: 500
    })
  })

  it('writes any document of the kinds that are stored as the driver reads it', () => {
    fc.assert(fc.property(fc.array(plainDocument, { maxLength: 20 }), isAsByTheDriver), {
      numRuns: 500
    })
  })

  it('writes forecasts, long texts and deep documents', () => {
    const deep = Array.from({ length: 90 }).reduce<object>((inner) => ({ inner }), {})
    const long = 'x'.repeat(200_000)
    const empty = { object: {}, array: [], arrays: [[], [{}], [[]]] }
    isAsByTheDriver([
      aForecast('AAPL', 1, undefined),
      deep,
      { long, escaped: `"${long}` },
      empty,
      {}
    ])
  })

  it('reads a document that stands within other bytes', () => {
    const bytes = inBson({ symbol: 'AAPL', price: 230.15 })
    const around = Buffer.concat([Buffer.alloc(7, 1), bytes, Buffer.alloc(7, 1)])
    lines.write(around.subarray(7, 7 + bytes.length))
    assert.equal(lines.take().toString(), '{"symbol":"AAPL","price":230.15}\n')
  })

  it('refuses what the driver refuses, and goes on', () => {
    const bytes = Buffer.from(inBson({ text: 'ab' }))
    bytes[bytes.indexOf('ab')] = 0xff
    assert.throws(() => byTheDriver(bytes), /UTF-8/)
    lines.write(inBson({ before: 1 }))
    assert.throws(() => lines.write(bytes), /UTF-8/)
    lines.write(inBson({ after: 1 }))
    assert.equal(lines.take().toString(), '{"before":1}\n{"after":1}\n')
  })

  it('reads more out of a name of BSON itself where the driver does', () => {
    const bytes = Buffer.from(inBson({ inner: { xbsontype: 'Long', low: 1 } }))
    bytes[bytes.indexOf('xbsontype')] = '_'.charCodeAt(0)
    const outcome = (read: () => string): string => {
      try {
        return read()
      } catch (error) {
        return `throws ${(error as Error).message}`
      }
    }
    const found = outcome(() => {
      lines.write(bytes)
      return lines.take().toString().trimEnd()
    })
    assert.equal(
      found,
      outcome(() => byTheDriver(bytes))
    )
  })
})
