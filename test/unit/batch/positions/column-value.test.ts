import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { columnValue } from '@tapedeck/batch/testing'

const problemOf = (type: string, found: unknown): string | undefined => {
  const read = columnValue(type, found)
  return 'problem' in read ? read.problem : undefined
}

describe('columnValue()', () => {
  it('takes every decimal of the column exactly, and no other', () => {
    const parts = fc.tuple(
      fc.boolean(),
      fc.bigInt({ min: 0n, max: 10n ** 14n }),
      fc.integer({ min: 0, max: 8 }),
      fc.bigInt({ min: 0n, max: 10n ** 8n - 1n })
    )
    fc.assert(
      fc.property(parts, ([isNegative, whole, places, digits]) => {
        const fraction = digits.toString().padStart(8, '0').slice(0, places)
        const text = `${isNegative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
        const read = columnValue('decimal(18,6)', text)
        const fits = whole < 10n ** 12n && fraction.replace(/0+$/, '').length <= 6
        assert.equal('value' in read, fits, text)
        if ('value' in read) assert.equal(unscaled(read.value ?? '', 8), unscaled(text, 8))
      })
    )
  })

  it('takes a number of JSON only while its digits are exact', () => {
    assert.deepEqual(columnValue('decimal(18,6)', 12.5), { value: '12.5' })
    assert.deepEqual(columnValue('decimal(18,6)', -0.000001), { value: '-0.000001' })
    assert.deepEqual(columnValue('bigint', 9_007_199), { value: '9007199' })
    for (const found of [0.1 + 0.2, 1e21, 1e-7, NaN, '1e3', '', ' 1', '1,5', true, null]) {
      assert.match(
        problemOf('decimal(18,6)', found) ?? '',
        /expected a number with 12 digits before/
      )
    }
  })

  it('takes whole numbers of 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), (value) => {
        const fits = value >= -(2n ** 63n) && value < 2n ** 63n
        assert.equal(problemOf('bigint', value.toString()) === undefined, fits)
      })
    )
  })

  it('takes days and times that the calendar has', () => {
    assert.deepEqual(columnValue('date', '2024-02-29'), { value: '2024-02-29' })
    assert.match(
      problemOf('date', '2026-02-29') ?? '',
      /"2026-02-29" found, expected a date such as/
    )
    assert.deepEqual(columnValue('timestamp(6)', '2026-03-10T14:30:00.000001Z'), {
      value: '2026-03-10 14:30:00.000001'
    })
    for (const found of [
      '2026-03-10 14:30:00',
      '2026-03-10T24:00:00Z',
      '2026-13-10T00:00:00Z',
      '2040-01-01T00:00:00Z',
      5
    ]) {
      assert.match(
        problemOf('timestamp(6)', found) ?? '',
        /expected a time such as 2026-03-10T14:30:00Z/
      )
    }
  })

  it('counts characters, and refuses blanks at the ends of a text', () => {
    assert.deepEqual(columnValue('varchar(2)', '🎞🎞'), { value: '🎞🎞' })
    for (const found of ['abc', '', ' a', 'a ', 5, '\ud800']) {
      assert.match(problemOf('varchar(2)', found) ?? '', /expected a text of 1 to 2 characters/)
    }
  })
})

function unscaled(text: string, scale: number): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  return BigInt(`${sign}${whole}${fraction.padEnd(scale, '0')}`)
}
