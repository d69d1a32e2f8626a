import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { columnType } from '@tapedeck/mariadb'

const of = (found: object): string => columnType({ name: 'x', ...found }).type

describe('columnType()', () => {
  it('gives decimals the digits that the source declares, and leaves those of more than 38 texts', () => {
    const declared = fc
      .tuple(fc.integer({ min: 1, max: 65 }), fc.integer({ min: 0, max: 30 }), fc.boolean())
      .filter(([digits, scale]) => scale <= digits)
    fc.assert(
      fc.property(declared, ([digits, decimals, isUnsigned]) => {
        // The length that the server tells has a place for the sign and one for the point.
        const columnLength = digits + (isUnsigned ? 0 : 1) + (decimals > 0 ? 1 : 0)
        const flags = isUnsigned ? 32 : 0
        assert.equal(
          of({ columnType: 246, columnLength, decimals, flags }),
          digits > 38 ? 'string' : `decimal(${digits},${decimals})`
        )
      })
    )
  })

  it('has room for every whole number, also of 64 bits without a sign', () => {
    for (const code of [1, 2, 3, 9, 13]) assert.equal(of({ columnType: code, flags: 32 }), 'bigint')
    assert.equal(of({ columnType: 8, flags: 0 }), 'bigint')
    assert.equal(of({ columnType: 8, flags: 32 }), 'decimal(20,0)')
  })

  it('types days and times, and leaves times of a day and what it does not know texts', () => {
    const types = [10, 12, 7, 11, 5, 252, 99].map((code) => of({ columnType: code }))
    assert.deepEqual(types, [
      'date',
      'timestamp',
      'timestamp',
      'string',
      'double',
      'string',
      'string'
    ])
  })

  it('knows bytes by their lack of a character set', () => {
    const isBinary = (code: number, characterSet: number): boolean =>
      columnType({ name: 'x', columnType: code, characterSet }).isBinary
    assert.deepEqual(
      [isBinary(252, 63), isBinary(252, 45), isBinary(3, 63), isBinary(16, 63)],
      [true, false, false, true]
    )
  })
})
