import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TapedeckError } from '@tapedeck/core'
import { makeRequestedRuns, type Job } from '@tapedeck/batch/testing'
import { findRunRequests, findRuns, requestRun } from '@tapedeck/mongo'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'

describe('makeRequestedRuns()', () => {
  it('makes what was asked for once, under its id, and notes why another cannot be made', async (t) => {
    const { database } = await ownDatabase(t, servers())
    const task = { name: 'one', after: [], retries: 0, retryDelayMs: 0, timeoutMs: 1000 }
    const job: Job = {
      spec: { name: 'load', kind: 'flow', tasks: [{ ...task, backoff: 'fixed' }] },
      about: '',
      errorHandler: null,
      commands: new Map()
    }
    const jobOf = (name: string): Promise<Job> =>
      name === 'load'
        ? Promise.resolve(job)
        : Promise.reject(new TapedeckError('REQUEST_INVALID', `Cannot run ${name}: no such job`))
    await requestRun(database, { _id: 'load@1', job: 'load', parameters: { day: '$x' } })
    await requestRun(database, { _id: 'lod@1', job: 'lod', parameters: {} })
    const both = await Promise.all([
      makeRequestedRuns(database, jobOf),
      makeRequestedRuns(database, jobOf)
    ])
    assert.equal(both[0] + both[1], 1)
    const [run, ...others] = await findRuns(database, { limit: 10 })
    assert.deepEqual(others, [])
    assert.deepEqual([run?._id, run?.cause, run?.parameters['day']], ['load@1', 'http', '$x'])
    assert.deepEqual(
      (await findRunRequests(database, 10)).map(({ _id, error }) => [_id, error]),
      [['lod@1', 'Cannot run lod: no such job']]
    )
    assert.equal(await makeRequestedRuns(database, jobOf), 0)
  })
})
