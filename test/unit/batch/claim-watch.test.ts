import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Database, TaskClaim } from '@tapedeck/mongo'
import { watchClaims } from '../../../services/batch/src/claim-watch.ts'
import { eventually } from '../../support/eventually.ts'

const claimOf = (name: string): TaskClaim => ({ id: `run/${name}`, attempt: 1, owner: name })

/** A watch over a database that answers so; each question is kept. */
function watchOver(t: TestContext, answer: () => Promise<Awaited<ReturnType<Find>>>) {
  const asked: string[][] = []
  const find: Find = (_database, claims) => {
    asked.push(claims.map(({ owner }) => owner))
    return answer()
  }
  const watch = watchClaims({} as Database, find, 5)
  t.after(() => watch.stop())
  return { watch, asked }
}
type Find = NonNullable<Parameters<typeof watchClaims>[1]>

describe('watchClaims()', () => {
  it('tells each lost claim once, and asks with one query for all of them', async (t) => {
    const lost: string[] = []
    const { watch, asked } = watchOver(t, async () => new Map([['a', 'cancelled']] as const))
    watch.watch(claimOf('a'), (isCancelled) => void lost.push(`a ${isCancelled}`))
    watch.watch(claimOf('b'), (isCancelled) => void lost.push(`b ${isCancelled}`))
    await eventually(() => assert.ok(asked.length > 2))
    assert.deepEqual(lost, ['a true'])
    assert.deepEqual(asked[0], ['a', 'b'])
    assert.deepEqual(asked[1], ['b'])
  })

  it('asks nothing without a claim, and goes on after a failure', async (t) => {
    let isAway = true
    const lost: boolean[] = []
    const { watch, asked } = watchOver(t, async () => {
      if (isAway) throw new Error('away')
      return new Map([['c', 'ready']] as const)
    })
    const unwatch = watch.watch(claimOf('ended'), () => assert.fail('it had ended'))
    unwatch()
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.deepEqual(asked, [])
    watch.watch(claimOf('c'), (isCancelled) => void lost.push(isCancelled))
    await eventually(() => assert.ok(asked.length > 1))
    isAway = false
    await eventually(() => assert.deepEqual(lost, [false]))
  })
})
