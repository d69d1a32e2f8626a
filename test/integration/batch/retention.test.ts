import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { createRun, findRuns, findTaskRuns, removeOldRuns, startRun } from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { runProgram } from './run-module.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../../services/batch/src/retention-main.ts')
const options = { timeout: 120_000 }
const DAY_MS = 86_400_000

describe('the module retention', options, () => {
  it('removes runs that ended before RUNS_TTL with their tasks, and no others', async (t) => {
    const given = servers()
    const { database } = await ownDatabase(t, given)
    const endedAt = (days: number) => new Date(Date.now() - days * DAY_MS)
    for (const id of ['old@1', 'old@2', 'new@1', 'running@1', 'waiting@1']) {
      await createRun(database, aRun(id))
    }
    await database.runs.updateMany(
      { _id: { $in: ['old@1', 'old@2'] } },
      { $set: { state: 'failed', endedAt: endedAt(31) } }
    )
    await database.runs.updateOne(
      { _id: 'new@1' },
      { $set: { state: 'succeeded', endedAt: endedAt(29) } }
    )
    await startRun(database, 'running@1')
    // However long ago they began: they are not over.
    await database.runs.updateMany({ endedAt: null }, { $set: { queuedAt: endedAt(400) } })

    const env = { ...given.env, TAPEDECK_DATA_DIR: await temporaryFolder(t), RUNS_TTL: '30d' }
    const { code, output } = await runProgram(PROGRAM, env)
    assert.equal(code, 0, output)
    assert.match(output, /^2 runs with 4 tasks removed, which ended more than 30 days ago/)
    const left = await findRuns(database, { limit: 10 })
    assert.deepEqual(left.map(({ _id }) => _id).toSorted(), ['new@1', 'running@1', 'waiting@1'])
    assert.deepEqual(await findTaskRuns(database, ['old@1', 'old@2']), [])
    assert.equal((await findTaskRuns(database, ['new@1', 'running@1'])).length, 4)

    const again = await runProgram(PROGRAM, env)
    assert.match(again.output, /^0 runs with 0 tasks removed/)
  })

  it('takes any number of runs, some at a time', async (t) => {
    const { database } = await ownDatabase(t)
    const ended = { state: 'succeeded', endedAt: new Date(0) } as const
    await createRun(database, aRun('load@0'))
    const run = await database.runs.findOne({})
    assert.ok(run !== null)
    await database.runs.insertMany(
      Array.from({ length: 450 }, (_, at) => ({ ...run, ...ended, _id: `load@${at + 1}` }))
    )
    assert.deepEqual(await removeOldRuns(database, DAY_MS), { runs: 450, tasks: 0 })
  })
})
