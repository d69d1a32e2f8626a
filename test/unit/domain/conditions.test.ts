import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eligibilityOf, MAY, type ConditionPolicy, type Session } from '@tapedeck/domain'

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
  })

  it('allows every print everything under all', () => {
    assert.equal(may(['16', 'x9', '3'], 'all'), 'HLV')
  })
})
