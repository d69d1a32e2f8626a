import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  eligibilityOf,
  eligibilityText,
  hinderingRules,
  MAY,
  type ConditionPolicy,
  type Session
} from '@tapedeck/domain'

/** H high/low, L last, l last only if none, V volume. */
function may(
  codes: string[] | null,
  policy: ConditionPolicy,
  session: Session = 'regular'
): string {
  const bits = eligibilityOf(codes, policy, session)
  return [
    bits & MAY.setHighLow ? 'H' : '',
    bits & MAY.setLast ? 'L' : bits & MAY.setLastIfNone ? 'l' : '',
    bits & MAY.addVolume ? 'V' : ''
  ].join('')
}

describe('eligibilityOf()', () => {
  it('treats missing codes, in every form of the feed, as a regular trade', () => {
    for (const codes of [null, [], ['1']]) assert.equal(may(codes, 'sip'), 'HLV')
  })

  it('lets odd lots set prices under feed and not under sip', () => {
    assert.equal(may(['1', '12'], 'feed'), 'HLV')
    assert.equal(may(['1', '12'], 'sip'), 'V')
  })

  it('lets extended-hours trades set prices only outside the regular session', () => {
    assert.equal(may(['1', '24'], 'feed', 'pre'), 'HLV')
    assert.equal(may(['1', '24'], 'sip', 'post'), 'HLV')
    assert.equal(may(['1', '24'], 'feed', 'regular'), 'V')
    assert.equal(may(['24', '3'], 'feed', 'pre'), 'V')
    assert.equal(may(['16'], 'sip', 'post'), '')
  })

  it('combines codes by AND', () => {
    assert.equal(may(['8', '32'], 'feed'), 'HlV')
    assert.equal(may(['32', '3'], 'feed'), 'V')
    assert.equal(may(['36', '39'], 'feed'), 'HL')
  })

  it('adds no volume for official open and close, and is neutral to flag 41', () => {
    assert.equal(may(['16'], 'feed'), '')
    assert.equal(may(['20'], 'feed'), '')
    assert.equal(may(['1', '41'], 'sip'), 'HLV')
  })

  it('counts an unknown code as volume only, and reports it', () => {
    const unknown: string[] = []
    assert.equal(
      eligibilityOf(['1', 'x9'], 'feed', 'regular', (code) => unknown.push(code)),
      MAY.addVolume
    )
    assert.deepEqual(unknown, ['x9'])
    assert.equal(may(['x9', '41'], 'sip'), 'V')
  })

  it('allows every print everything under all', () => {
    assert.equal(may(['16', 'x9', '3'], 'all'), 'HLV')
  })
})

describe('eligibilityText()', () => {
  it('says in words what a trade may do', () => {
    const texts: readonly [bits: number, text: string][] = [
      [0, 'nothing'],
      [MAY.setHighLow, 'high and low'],
      [MAY.setLast, 'open and close'],
      [MAY.setLastIfNone, 'open and close if no other'],
      [MAY.setLast | MAY.setLastIfNone, 'open and close'],
      [MAY.addVolume, 'volume'],
      [
        MAY.setHighLow | MAY.setLastIfNone | MAY.addVolume,
        'high and low, open and close if no other, volume'
      ],
      [15, 'price and volume'],
      // Bits that no rule gives.
      [16, 'nothing']
    ]
    for (const [bits, text] of texts) assert.equal(eligibilityText(bits), text)
  })
})

describe('hinderingRules()', () => {
  const of = (codes: string[] | null, policy: ConditionPolicy, session: Session = 'regular') =>
    hinderingRules(codes, policy, session).map(
      ({ code, name, hinders }) => `${code} ${name}: ${hinders}`
    )

  it('names each code that hinders a trade, and in what', () => {
    assert.deepEqual(of(['1', '12', '32', '16', '39', 'x9'], 'sip'), [
      '12 odd lot: high and low, open and close',
      '32 derivatively priced: open and close beside others',
      '16 market-center official close: high and low, open and close, volume',
      '39 corrected consolidated close: volume',
      'x9 unknown code: high and low, open and close'
    ])
  })

  it('finds none where the policy or the session lifts the rule', () => {
    assert.deepEqual(of(['12'], 'feed'), [])
    assert.deepEqual(of(['24'], 'sip', 'pre'), [])
    assert.deepEqual(of(['24'], 'sip'), [
      '24 extended hours (Form T): high and low, open and close'
    ])
    assert.deepEqual(of(['16', 'x9'], 'all'), [])
    assert.deepEqual(of(null, 'sip'), [])
  })
})
