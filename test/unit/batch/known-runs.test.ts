import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunDocument } from '@tapedeck/mongo'
import { KnownRuns } from '../../../services/batch/src/known-runs.ts'

/** What of a run it looks at. */
const run = (number: number, round = 0): RunDocument =>
  ({ _id: `run-${number}`, round, state: 'running' }) as RunDocument

describe('the runs that a worker knows', () => {
  it('knows a run within its round', () => {
    const known = new KnownRuns()
    known.learn(run(1))
    assert.equal(known.get({ _id: 'run-1', round: 0 })?._id, 'run-1')
    assert.equal(known.get({ _id: 'run-1', round: 1 }), undefined)
  })

  it('forgets the one that was learned first', () => {
    const known = new KnownRuns()
    for (let number = 0; number < 20; number++) known.learn(run(number))
    known.learn(run(0))
    known.learn(run(20))
    assert.equal(known.get({ _id: 'run-1', round: 0 }), undefined)
    assert.equal(known.get({ _id: 'run-0', round: 0 })?._id, 'run-0')
    assert.equal(known.get({ _id: 'run-20', round: 0 })?._id, 'run-20')
  })
})
