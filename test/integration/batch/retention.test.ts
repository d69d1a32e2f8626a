import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { Lake } from '@tapedeck/lake'
import { createRun, findRuns, findTaskRuns, removeOldRuns, startRun } from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { runProgram } from './run-module.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../../services/batch/src/retention-main.ts')
const options = { timeout: 120_000 }
const DAY_MS = 86_400_000

async function publishDate(lake: Lake, name: string, date: string): Promise<void> {
  const draft = await lake.begin({ zone: 'raw', name, date }, 'capture', 1)
  await writeFile(path.join(draft.folder, 'a.ndjson.gz'), 'a')
  const files = ['a.ndjson.gz']
  await lake.publish(draft, {
    run: 'capture',
    attempt: 1,
    tables: [{ name, format: 'ndjson.gz', rows: 1, columns: [], extents: {}, files }],
    code: { version: '0.1.0', sha256: '' },
    inputs: [],
    facts: {}
  })
}

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

  it('removes dates of the lake before LAKE_TTL, and no others', async (t) => {
    const given = servers()
    await ownDatabase(t, given)
    const folder = await temporaryFolder(t)
    const lake = new Lake(path.join(folder, 'lake'))
    const daysAgo = (days: number) =>
      new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10)
    for (const name of ['quotes', 'tape']) {
      for (const days of [2, 20]) await publishDate(lake, name, daysAgo(days))
    }
    const env = {
      ...given.env,
      TAPEDECK_DATA_DIR: folder,
      LAKE_TTL: 'raw=30d,raw/quotes=7d'
    }
    const { code, output } = await runProgram(PROGRAM, env)
    assert.equal(code, 0, output)
    assert.match(
      output,
      new RegExp(`^1 dates of raw/quotes removed, which lie before ${daysAgo(7)} `, 'm')
    )
    assert.match(
      output,
      new RegExp(`^0 dates of raw/tape removed, which lie before ${daysAgo(30)} `, 'm')
    )
    assert.deepEqual(await lake.dates({ zone: 'raw', name: 'quotes' }), [daysAgo(2)])
    assert.deepEqual(await lake.dates({ zone: 'raw', name: 'tape' }), [daysAgo(20), daysAgo(2)])

    const refused = await runProgram(PROGRAM, { ...env, LAKE_TTL: 'raw=1d' })
    assert.equal(refused.code, 2, refused.output)
    assert.match(
      refused.output,
      /LAKE_TTL.*'raw=1d'.*zone=duration or zone\/name=duration.* at least 7d/
    )
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
