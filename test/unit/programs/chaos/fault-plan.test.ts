import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planFaults, VICTIMS, type Fault } from '../../../programs/chaos/fault-plan.ts'

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

  it('kills and pauses mostly the servers of a cluster, half of them those that lead', () => {
    const plan = planFaults({ kills: 100, seed: 3, isCluster: true })
    const of = (kind: string, victim: string): number =>
      plan.filter((fault) => fault.kind === kind && fault.victim === victim).length
    assert.equal(of('kill', 'mongod'), 40)
    assert.equal(of('kill', 'broker'), 40)
    assert.deepEqual(
      ['mongod', 'broker', 'consumer', 'producer'].map((victim) => of('pause', victim)),
      [10, 10, 10, 0]
    )
    const servers = plan.filter(({ victim }) => victim === 'mongod' || victim === 'broker')
    assert.deepEqual(new Set(servers.map(({ member }) => member)), new Set([0, 1, 2]))
    const roles = Map.groupBy(servers, ({ victim, role }) => `${victim} ${role}`)
    for (const role of ['mongod leader', 'mongod any', 'broker leader', 'broker controller']) {
      assert.ok((roles.get(role)?.length ?? 0) >= 5, role)
    }
    assert.equal(roles.get('mongod controller'), undefined)
  })

  it('keeps the feed away for seconds up to the longest outage in the present', () => {
    const longestOutageMs = 75_000
    const plan = planFaults({ kills: 100, seed: 3, longestOutageMs })
    const of = (kind: string): Fault[] => plan.filter((fault) => fault.kind === kind)
    assert.equal(of('cut').length, 10)
    assert.equal(of('drop').length, 10)
    const outages = plan.filter(({ victim }) => victim === 'producer')
    assert.equal(outages.length, 35)
    const lengths = outages.map(({ restMs }) => restMs).sort((a, b) => a - b)
    assert.ok((lengths[0] ?? 0) >= 3000 && (lengths[0] ?? 0) < 10_000)
    assert.ok((lengths.at(-1) ?? 0) > 60_000 && (lengths.at(-1) ?? 0) <= longestOutageMs)
    assert.ok(outages.every(({ isAtOnce }) => !isAtOnce))
    const others = plan.filter(({ kind, victim }) => kind === 'kill' && victim !== 'producer')
    assert.ok(others.every(({ restMs }) => restMs <= 1500))
    assert.ok(new Set(of('drop').map(({ member }) => member)).size > 5)
  })
})
