import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nearestName, printable, table, sparkline } from '@tapedeck/core'

describe('table()', () => {
  it('gives columns equal width, numbers to the right, without trailing blanks', () => {
    const rows = [
      ['name', 'n', 'note'],
      ['AAPL', 7, ''],
      ['X', 120, 'late']
    ]
    assert.equal(table(rows), 'name    n  note\nAAPL    7\nX     120  late\n')
  })
})

describe('printable()', () => {
  it('escapes what could move the cursor or reverse the text, and keeps the rest', () => {
    assert.equal(printable('\u001b[2J\u202eAAPL é\n'), '\\u001b[2J\\u202eAAPL é\\u000a')
  })
})

describe('nearestName()', () => {
  it('finds the name with the fewest edits, and none when all are far', () => {
    assert.equal(nearestName('sybmols', ['seed', 'symbols']), 'symbols')
    assert.equal(nearestName('what', ['seed', 'symbols']), undefined)
  })
})

describe('sparkline()', () => {
  it('goes from the lowest to the highest value', () => {
    assert.equal(sparkline([1, 8, 4.5]), '▁█▅')
    assert.equal(sparkline([5, 5]), '▄▄')
    assert.equal(sparkline([]), '')
  })
})
