import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { JsonText } from '@tapedeck/mongo/testing'

describe('JsonText', () => {
  const text = new JsonText()
  const written = (write: () => unknown): string => {
    write()
    return text.take().toString()
  }

  it('writes a number as JSON.stringify does', () => {
    const decimals = fc.maxSafeInteger().map((n) => n / 10_000)
    const few = fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).map((n) => n / 100)
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
    const edges = fc.constantFrom(0, -0, 0.0001, -0.0001, 0.00005, 99_999_999_999.9999, 1e11, 1e15)
    fc.assert(
      fc.property(fc.oneof(decimals, few, finite, edges), (value) => {
        assert.equal(
          written(() => text.writeNumber(value)),
          JSON.stringify(value)
        )
      }),
      { numRuns: 5000 }
    )
  })

  it('writes an integer as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(
          written(() => text.writeInteger(value)),
          JSON.stringify(value)
        )
      }),
      { numRuns: 1000 }
    )
  })

  it('writes a time as JSON.stringify does, or nothing when its year has not four digits', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), (date) => {
        const expected = JSON.stringify(date)
        const hasFourDigits = /^"\d{4}-/.test(expected)
        let isWritten: boolean | undefined
        const found = written(() => (isWritten = text.writeTime(date.getTime())))
        assert.equal(isWritten, hasFourDigits)
        assert.equal(found, hasFourDigits ? expected : '')
      }),
      { numRuns: 2000 }
    )
    assert.equal(text.writeTime(NaN), false)
  })

  it('keeps the letters of a day apart from those of another one in the same place', () => {
    const days = [0, 16, 0, -16, 32].map((day) => new Date(day * 86_400_000 + 1))
    const found = days.map((day) => written(() => text.writeTime(day.getTime())))
    assert.deepEqual(
      found,
      days.map((day) => JSON.stringify(day))
    )
  })

  it('writes plain letters in quotes, and nothing when one needs an escape', () => {
    const bytes = Buffer.from('-plain "')
    assert.equal(
      written(() => text.writeQuoted(bytes, 1, 7)),
      '"plain "'
    )
    let isWritten: boolean | undefined
    assert.equal(
      written(() => (isWritten = text.writeQuoted(bytes, 1, 8))),
      ''
    )
    assert.equal(isWritten, false)
  })

  it('forgets what was written after a place', () => {
    text.write('kept')
    const { length } = text
    text.write('x'.repeat(1_000_000))
    text.truncate(length)
    assert.equal(text.take().toString(), 'kept')
    assert.equal(text.length, 0)
  })
})
