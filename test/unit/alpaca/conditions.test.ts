import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ALPACA_CONDITION_TABLE_VERSION, conditionCode } from '@tapedeck/alpaca'
import { eligibilityOf, MAY } from '@tapedeck/domain'

const PRICE = MAY.setHighLow | MAY.setLast
const unknown: string[] = []

function may(letter: string, tape: string): number {
  return eligibilityOf([conditionCode(letter, tape)], 'sip', 'regular', (code) => {
    unknown.push(code)
  })
}

describe('conditionCode()', () => {
  it('is the table of version 1', () => {
    assert.equal(ALPACA_CONDITION_TABLE_VERSION, 1)
  })

  it('reads both ways to write a regular sale', () => {
    for (const tape of ['A', 'B', 'C', 'O', undefined]) {
      assert.equal(conditionCode('@', tape), '1')
      assert.equal(conditionCode(' ', tape), '1')
    }
  })

  it('reads a letter by its tape where the tapes differ', () => {
    // letter, meaning on CTA, meaning on UTP
    const differing = [
      ['B', '3', '4'], // average price, bunched
      ['K', '13', '14'], // rule 127, rule 155
      ['O', '18', '19'], // market-center opening, opening prints
      ['5', '33', '34'], // re-opening
      ['6', '35', '36'] // closing
    ] as const
    for (const [letter, cta, utp] of differing) {
      assert.equal(conditionCode(letter, 'A'), cta)
      assert.equal(conditionCode(letter, 'B'), cta)
      assert.equal(conditionCode(letter, 'C'), utp)
      assert.equal(conditionCode(letter, 'O'), utp)
    }
  })

  it('gives odd lots, extended hours, sweeps and derivative prices their codes on every tape', () => {
    for (const tape of ['A', 'B', 'C', 'O']) {
      assert.deepEqual(
        ['I', 'T', 'F', '4', 'U', '7'].map((letter) => conditionCode(letter, tape)),
        ['12', '24', '8', '32', '25', '37']
      )
    }
  })

  // Alpaca's published rule for bars, tape C: not in high and low, not in open and close, not in volume.
  it('excludes from high, low, last and volume what Alpaca excludes from its own bars', () => {
    const all = '@ABCDFGHIKLMNOPQRSTUVWXYZ145679'.split('')
    const without = (bit: number): string[] =>
      all.filter((letter) => (may(letter, 'C') & bit) === 0)
    assert.deepEqual(without(MAY.setHighLow), 'CHIMNQRTUVW7'.split(''))
    assert.deepEqual(without(MAY.setLast), 'CGHIMNPQRTUVWZ47'.split(''))
    assert.deepEqual(without(MAY.addVolume), 'MQ9'.split(''))
    assert.deepEqual(unknown, [])
  })

  it('turns a letter of no table into an unknown code, which sets no price and is counted', () => {
    for (const [letter, tape] of [
      ['A', 'A'],
      ['E', 'C'],
      ['I', 'N'],
      ['', 'A']
    ] as const) {
      unknown.length = 0
      assert.equal(may(letter, tape) & PRICE, 0)
      assert.deepEqual(unknown, [`alpaca:${letter}`])
    }
  })
})
