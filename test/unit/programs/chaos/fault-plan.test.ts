import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planFaults, VICTIMS } from '../../../programs/chaos/fault-plan.ts'

describe('planFaults()', () => {
  it('is repeated by its seed, kills as often as asked, and each kind', () => {
    const plan = planFaults({ kills: 100, seed: 3 })
    assert.deepEqual(plan, planFaults({ kills: 100, seed: 3 }))
    assert.notDeepEqual(plan, planFaults({ kills: 100, seed: 4 }))
    const kills = plan.filter(({ kind }) => kind === 'kill')
    assert.equal(kills.length, 100)
    assert.deepEqual(new Set(kills.map(({ victim }) => victim)), new Set(VICTIMS))
    assert.equal(plan.length - kills.length, 10)
    const shares = plan.map(({ atShare }) => atShare)
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b)
    )
  })

  it('spares whom it is told to spare', () => {
    const plan = planFaults({ kills: 20, seed: 3, spared: ['producer', 'consumer'] })
    assert.deepEqual(new Set(plan.map(({ victim }) => victim)), new Set(['broker', 'mongod']))
  })
})
