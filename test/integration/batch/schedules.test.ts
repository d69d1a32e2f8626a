import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import {
  findJob,
  loadSchedules,
  openSchedules,
  runningSchedules,
  startBeat
} from '@tapedeck/batch/testing'
import { openDatabase, findRuns, findSchedules, type Database } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const options = { timeout: 120_000 }
const QUICK = { leaseMs: 5000, tickMs: 50 }

/** A folder of jobs: the sequence `tick`, and these schedules. */
async function folderWith(t: TestContext, schedules: object): Promise<string> {
  const folder = await temporaryFolder(t)
  await mkdir(path.join(folder, 'etl_sequences'))
  const write = (file: string, value: unknown) =>
    writeFile(path.join(folder, file), JSON.stringify(value))
  await write('modules.json', { tick: { cmd: 'true' } })
  await write('etl_sequences/tick.json', [{ module_name: 'tick' }])
  await write('schedules.json', schedules)
  return folder
}

async function openFolder(database: Database, batchDir: string) {
  const warnings: string[] = []
  const makeDueRuns = await openSchedules({
    database,
    batchDir,
    asked: [],
    jobOf: (name) => findJob(name, batchDir),
    log: {
      info: () => undefined,
      warn: (facts: { readonly reason?: string }, text?: string) =>
        void warnings.push([text, facts.reason].filter(Boolean).join(': '))
    }
  })
  return { makeDueRuns, warnings }
}

/** Runs half an hour from now and in every hour, so that no time of it comes up while a test looks. */
function hourly(): { readonly job: string; readonly cron: string } {
  return { job: 'tick', cron: `${String((new Date().getUTCMinutes() + 30) % 60)} * * * *` }
}

/** Puts a schedule back, as if no beat had looked since. */
async function lookedAt(database: Database, name: string, agoMs: number): Promise<void> {
  await database.schedules.updateOne({ _id: name }, [
    { $set: { until: { $subtract: ['$$NOW', agoMs] } } }
  ])
}

describe('schedules', options, () => {
  it('make each run once, and every one, with two beats', async (t) => {
    const given = servers()
    const { database, config: mongo } = await ownDatabase(t, given)
    const batchDir = await folderWith(t, {
      often: { job: 'tick', every: '1s', misfire: 'all', parameters: { day: '$x' } }
    })
    let made = 0
    const beats = await Promise.all(
      [1, 2].map(async () => {
        const own = await openDatabase(mongo, { appName: 'beat' })
        t.after(() => own.close())
        const { makeDueRuns } = await openFolder(own, batchDir)
        const counted = async (): Promise<number> => {
          const count = await makeDueRuns()
          made += count
          return count
        }
        const log = { info: () => undefined, warn: () => undefined }
        return startBeat({ database: own, config: QUICK, makeDueRuns: counted, log })
      })
    )
    t.after(() => Promise.all(beats.map((beat) => beat.stop())))
    const runs = await eventually(async () => {
      const found = await findRuns(database, { limit: 100 })
      assert.ok(found.length >= 5)
      return found
    })
    await Promise.all(beats.map((beat) => beat.stop()))
    const all = await findRuns(database, { limit: 100 })
    assert.equal(made, all.length)
    const times = all.map(({ occurrence }) => occurrence?.getTime() ?? 0).toSorted((a, b) => a - b)
    assert.ok(
      times.every((ms, at) => ms === (times[0] ?? 0) + at * 1000),
      times.join()
    )
    const [{ _id, occurrence, cause, schedule, parameters } = assert.fail()] = runs
    assert.equal(_id, `often@${occurrence?.toISOString()}`)
    assert.deepEqual([cause, schedule, parameters['day']], ['schedule', 'often', '$x'])
  })

  it('make what was missed as the policy says, once', async (t) => {
    const { database } = await ownDatabase(t, servers())
    const batchDir = await folderWith(t, {
      all: { ...hourly(), misfire: 'all' },
      last: hourly(),
      skip: { ...hourly(), misfire: 'skip' }
    })
    const { makeDueRuns } = await openFolder(database, batchDir)
    assert.equal(await makeDueRuns(), 0)
    for (const name of ['all', 'last', 'skip']) await lookedAt(database, name, 11 * 3_600_000)
    await makeDueRuns()
    const runs = await findRuns(database, { limit: 100 })
    const count = (name: string) => runs.filter(({ schedule }) => schedule === name).length
    assert.deepEqual(['all', 'last', 'skip'].map(count), [11, 1, 0])
    // A beat that was killed after it made the runs and before it noted them makes none again.
    await lookedAt(database, 'all', 11 * 3_600_000)
    assert.equal(await makeDueRuns(), 0)
  })

  it('go on when the job of one of them cannot be read, and say why', async (t) => {
    const { database } = await ownDatabase(t, servers())
    const batchDir = await folderWith(t, {
      bad: { job: 'tock', every: '1h', misfire: 'all' },
      good: { job: 'tick', every: '1h', misfire: 'all' }
    })
    const { makeDueRuns, warnings } = await openFolder(database, batchDir)
    for (const name of ['bad', 'good']) await lookedAt(database, name, 1.5 * 3_600_000)
    assert.ok((await makeDueRuns()) >= 1)
    await makeDueRuns()
    assert.equal(warnings.length, 1)
    const [bad, good] = await findSchedules(database)
    assert.match(bad?.error ?? '', /^Cannot run tock: there is no such flow/)
    assert.equal(good?.error, null)
    assert.ok(good?.lastOccurrence instanceof Date)
    // Its runs are made when the job is there.
    const step = JSON.stringify([{ module_name: 'tick' }])
    await writeFile(path.join(batchDir, 'etl_sequences/tock.json'), step)
    assert.ok((await makeDueRuns()) >= 1)
    assert.equal((await findSchedules(database))[0]?.error, null)
  })
})

describe('a schedule that keeps its runs for a time', options, () => {
  it('makes runs and tasks that MongoDB removes then', async (t) => {
    const { database } = await ownDatabase(t)
    const batchDir = await folderWith(t, { often: { job: 'tick', every: '1s', keep: '2h' } })
    const { makeDueRuns } = await openFolder(database, batchDir)
    await lookedAt(database, 'often', 5000)
    const made = await makeDueRuns()
    assert.ok(made > 0)
    for (const name of ['runs', 'task_runs']) {
      const collection = database.db.collection(name)
      const found = await collection.find<{ expiresAt?: Date }>({}).toArray()
      assert.equal(found.length, made)
      const inMs = (found[0]?.expiresAt?.getTime() ?? 0) - Date.now()
      assert.ok(inMs > 3_600_000 && inMs <= 7_200_000, String(inMs))
      const indexes = await collection.listIndexes().toArray()
      assert.ok(
        indexes.some(
          ({ key, expireAfterSeconds }) => 'expiresAt' in key && expireAfterSeconds === 0
        )
      )
    }
  })
})

describe('schedules.json of a running beat', options, () => {
  it('is read again when it changes, and not used while it is refused or gone', async (t) => {
    const { database } = await ownDatabase(t)
    const often = hourly()
    const batchDir = await folderWith(t, { often })
    const file = path.join(batchDir, 'schedules.json')
    const { makeDueRuns, warnings } = await openFolder(database, batchDir)
    const names = async () => (await findSchedules(database)).map(({ _id }) => _id).toSorted()
    await lookedAt(database, 'often', 7_200_000)
    assert.equal(await makeDueRuns(), 1)
    const before = await database.schedules.findOne({ _id: 'often' })

    await writeFile(file, JSON.stringify({ often, never: { job: 'tick', cron: '0 0 30 2 *' } }))
    for (let tick = 0; tick < 3; tick++) await makeDueRuns()
    assert.deepEqual(await names(), ['often'])
    assert.equal(warnings.length, 1, 'said once')
    assert.match(warnings[0] ?? '', /changed and is not used: .*'never'.* never fires/)

    await rm(file)
    await makeDueRuns()
    assert.match(warnings[1] ?? '', /is not used: schedules.json is gone/)
    assert.deepEqual(await names(), ['often'])

    await writeFile(file, JSON.stringify({ often, later: hourly() }))
    await makeDueRuns()
    assert.deepEqual(await names(), ['later', 'often'])
    await lookedAt(database, 'later', 7_200_000)
    assert.equal(await makeDueRuns(), 1)
    const after = await database.schedules.findOne({ _id: 'often' })
    assert.deepEqual(after?.lastOccurrence, before?.lastOccurrence, 'it goes on as it was')
    assert.equal(warnings.length, 2)
  })
})

describe('npm run batch -- schedules', options, () => {
  const shown = async (batchDir: string, ...args: string[]) =>
    promisify(execFile)(
      process.execPath,
      [path.join(ROOT, 'services/batch/src/batch-main.ts'), 'schedules', ...args],
      { cwd: ROOT, env: { ...process.env, BATCH_DIR: batchDir }, timeout: 60_000 }
    )

  it('shows the next times of each in its zone', async (t) => {
    const batchDir = await folderWith(t, {
      nightly: { job: 'tick', cron: '0 2 * * WED#2', tz: 'America/New_York', misfire: 'all' },
      close: { job: 'tick', market: 'close', offset: '30m' }
    })
    const { stdout } = await shown(batchDir)
    const lines = stdout.trimEnd().split('\n')
    assert.equal(lines.length, 11)
    assert.match(
      lines[1] ?? '',
      /^nightly +tick +cron 0 2 \* \* WED#2 +all +Wed \d{4}-\d\d-\d\d 02:00:00 E[SD]T$/
    )
    assert.match(
      lines[6] ?? '',
      /^close +tick +market close \+30m +last +\w{3} \S+ 1[36]:30:00 E[SD]T$/
    )
    assert.match((await shown(await folderWith(t, {}), '--count', '1')).stdout, /^no schedules\n$/)
  })

  it('refuses a file with mistakes, with exit code 2', async (t) => {
    const batchDir = await folderWith(t, { never: { job: 'tick', cron: '0 0 30 2 *' } })
    await assert.rejects(shown(batchDir), (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 2)
      assert.match(error.stderr, /schedule 'never': cron 0 0 30 2 \* never fires/)
      return true
    })
  })

  it('shows those that come with the project, whose jobs are there', async () => {
    const batchDir = path.join(ROOT, 'services/batch')
    const all = await loadSchedules(batchDir)
    for (const { job } of all) await findJob(job, batchDir)
    const { stdout } = await shown(batchDir)
    assert.match(stdout, /quotes +quotes .*off: BATCH_SCHEDULES=quotes starts it/)
    const namesOf = (asked: readonly string[]) =>
      runningSchedules(all, asked).map(({ name }) => name)
    assert.ok(!namesOf([]).includes('quotes'))
    assert.deepEqual(namesOf(['quotes']), [...namesOf([]), 'quotes'])
    assert.throws(() => namesOf(['qoutes']), /'qoutes' found, expected names .* such as quotes/)
  })
})
