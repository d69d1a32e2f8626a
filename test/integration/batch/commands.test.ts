import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createRun, findRuns, findTaskRuns } from '@tapedeck/mongo'
import { isSame, processIdentity, type ProcessIdentity } from '@tapedeck/core'
import { newRun, type Job } from '@tapedeck/batch/testing'
import { eventually } from '../../support/eventually.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { WATCHLIST, watchlistServer } from './harness.ts'
import { BATCH_PROGRAM, runBatch } from './run-batch.ts'

const options = { timeout: 120_000 }

async function ownSettings(t: TestContext) {
  const given = servers()
  const { database } = await ownDatabase(t, given)
  const folder = await temporaryFolder(t)
  const quick = { BATCH_POLL: '100ms', BATCH_TICK: '100ms', BATCH_LEASE: '2s' }
  return { database, folder, env: { ...given.env, ...quick, TAPEDECK_DATA_DIR: folder } }
}

describe('npm run batch', options, () => {
  it('runs a flow without a worker: from an HTTP server to a CSV file', async (t) => {
    const { database, folder, env } = await ownSettings(t)
    const { url } = await watchlistServer(t, [WATCHLIST])
    const out = path.join(folder, 'prices')
    const run = await runBatch(
      env,
      'run',
      'watchlist-csv',
      '--param',
      `url=${url}`,
      '--param',
      `out=${out}`
    )
    assert.equal(run.code, 0, run.stderr)
    assert.match(run.stdout, /succeeded/)
    const [made] = await findRuns(database, { limit: 1 })
    assert.ok(made !== undefined)
    const load = (await findTaskRuns(database, [made._id])).find(({ task }) => task === 'load')
    const file = /2 rows in (\S+)/.exec(load?.tail ?? '')?.[1] ?? ''
    assert.equal(
      await readFile(file, 'utf8'),
      'symbol,price,changePercent\r\nAAPL,200,2\r\nMSFT,400.5,-1\r\n'
    )
    const shown = await runBatch(env, 'show', 'watchlist-csv')
    assert.match(shown.stdout, /load +succeeded/)
    const listed = await runBatch(env, 'runs', '--state', 'succeeded')
    assert.match(listed.stdout, /watchlist-csv@\S+ +succeeded +command/)
  })

  it('says what is wrong before it stores anything', async (t) => {
    const { database, env } = await ownSettings(t)
    const unknown = await runBatch(env, 'run', 'watchlist-csw')
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, /no such flow.*did you mean watchlist-csv\?/)
    const wrong = await runBatch(
      env,
      'run',
      'watchlist-csv',
      '--date',
      '2026-02-30',
      '--param',
      'x'
    )
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /--date 2026-02-30 found[^]*--param x found, expected NAME=VALUE/)
    const dry = await runBatch({}, 'run', 'watchlist-csv', '--dry-run')
    assert.equal(dry.code, 0)
    assert.match(dry.stdout, /extract[^]*transform[^]*load/)
    assert.equal((await findRuns(database, { limit: 1 })).length, 0)
    const none = await runBatch(env, 'shwo')
    assert.equal(none.code, 2)
    assert.match(none.stderr, /command shwo found, expected run, runs, show/)
  })

  it('runs a sequence by its files, with exit code and error handler', async (t) => {
    const { database, folder, env } = await ownSettings(t)
    await mkdir(path.join(folder, 'etl_sequences'))
    const write = (file: string, content: unknown): Promise<void> =>
      writeFile(path.join(folder, file), JSON.stringify(content))
    await write('modules.json', {
      make: { cmd: ['sh', '-c', 'cp "$2" "$4"', 'make'], flags: { input: '-i', output: '-o' } },
      fail: { cmd: ['sh', '-c', 'echo no disk; exit 4'] },
      error_handler: { cmd: ['sh', '-c', 'echo "$BATCH_FAILED_TASK: $BATCH_FAILED_TAIL"'] }
    })
    await writeFile(path.join(folder, 'in'), 'content')
    const [input, output] = [path.join(folder, 'in'), path.join(folder, 'out')]
    await write('etl_sequences/copy.json', [{ module_name: 'make', input, output }])
    await write('etl_sequences/bad.json', [{ module_name: 'fail' }, { module_name: 'make' }])
    await write('etl_sequences/wrong.json', [{ module_name: 'mkae' }, { module_nam: 'fail' }])
    const own = { ...env, BATCH_DIR: folder }
    const copied = await runBatch(own, 'run', 'copy')
    assert.equal(copied.code, 0, copied.stderr)
    // The program got -i IN -o OUT behind its own arguments.
    assert.equal(await readFile(output, 'utf8'), 'content')
    const failed = await runBatch(own, 'run', 'bad')
    assert.equal(failed.code, 1)
    assert.match(failed.stdout, /failed: fail: exit code 4/)
    assert.match(failed.stdout, /fail printed at the end:\nno disk/)
    const [bad] = await findRuns(database, { job: 'bad', limit: 1 })
    const tasks = await findTaskRuns(database, [bad?._id ?? ''])
    assert.equal(tasks.find(({ task }) => task === 'error_handler')?.tail.trim(), 'fail: no disk')
    const wrong = await runBatch(own, 'run', 'wrong')
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /step 1[^]*did you mean make\?[^]*step 2/)
    assert.equal((await findRuns(database, { job: 'wrong', limit: 1 })).length, 0)
  })

  it('leaves a run of a process that is killed to the workers', async (t) => {
    const { database, folder, env } = await ownSettings(t)
    // Nobody answers: the request is tried again in 30 s.
    const { url, asked } = await watchlistServer(t, [503])
    const local = spawn(
      process.execPath,
      [BATCH_PROGRAM, 'run', 'watchlist-csv', '--param', `url=${url}`, '--param', `out=${folder}`],
      { env: { ...process.env, ...env }, stdio: 'ignore' }
    )
    t.after(() => local.kill('SIGKILL'))
    await eventually(() => assert.equal(asked(), 1))
    local.kill('SIGKILL')
    const beat = spawn(process.execPath, [BATCH_PROGRAM, 'beat'], {
      env: { ...process.env, ...env },
      stdio: 'ignore'
    })
    t.after(() => beat.kill('SIGKILL'))
    await eventually(async () => {
      const [run] = await findRuns(database, { limit: 1 })
      assert.equal(run?.isLocal, false)
      const tasks = await findTaskRuns(database, [run._id])
      assert.ok(tasks.every(({ queue }) => queue === 'flow:watchlist-csv'))
    })
  })
})

/** A worker and a beat as processes, and a run of one module that starts another program and tells both pids. */
async function startLongModule(t: TestContext) {
  const { database, env } = await ownSettings(t)
  const job: Job = {
    spec: {
      name: 'long',
      kind: 'sequence',
      tasks: [
        {
          name: 'sleep',
          after: [],
          retries: 0,
          retryDelayMs: 0,
          backoff: 'fixed',
          timeoutMs: 600_000
        }
      ]
    },
    about: '',
    errorHandler: null,
    commands: new Map([
      ['sleep', ['sh', '-c', 'sleep 300 & echo $! $$ >"$BATCH_PARAM_OUT$BATCH_ATTEMPT"; wait']]
    ])
  }
  const out = path.join(await temporaryFolder(t), 'pids')
  const made = newRun(job, { cause: 'command', parameters: { out } })
  await createRun(database, made)
  const start = (kind: 'worker' | 'beat'): ChildProcess => {
    const settings = { env: { ...process.env, ...env }, stdio: 'ignore' as const }
    const child = spawn(process.execPath, [BATCH_PROGRAM, kind], settings)
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  start('beat')
  return {
    start,
    /** The processes of the module, once an attempt has started them. */
    processesOf: (attempt: number) =>
      eventually(async () => {
        const pids = (await readFile(`${out}${attempt}`, 'utf8')).trim().split(' ').map(Number)
        assert.equal(pids.length, 2)
        return Promise.all(pids.map(processIdentity))
      }),
    task: async () => (await findTaskRuns(database, [made._id]))[0]
  }
}

function areGone(processes: readonly ProcessIdentity[]): Promise<void> {
  return eventually(async () => {
    for (const one of processes) assert.equal(await isSame(one), false)
  })
}

describe('a worker', options, () => {
  it('takes its modules with it when it is killed, with what they have started', async (t) => {
    const { start, processesOf, task } = await startLongModule(t)
    const first = start('worker')
    const processes = await processesOf(1)
    first.kill('SIGKILL')
    await areGone(processes)
    // Another worker begins it again, by a new attempt.
    const second = start('worker')
    const again = await processesOf(2)
    const { state, attempts } = (await task()) ?? {}
    assert.equal(state, 'running')
    assert.match(attempts?.[0]?.error ?? '', /worker was lost/)
    // Asked to stop, a worker gives the task back at once.
    second.kill('SIGTERM')
    await areGone(again)
    await eventually(async () => {
      const found = await task()
      assert.deepEqual([found?.state, found?.losses], ['ready', 1])
    })
  })

  it('ends what a worker left behind that died with its guard', async (t) => {
    const { start, processesOf } = await startLongModule(t)
    const first = start('worker')
    const processes = await processesOf(1)
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    const guards = rows
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter(([, parent, ...args]) => parent === `${first.pid}` && /guard-main/.test(args.join()))
      .map(([pid]) => Number(pid))
    assert.equal(guards.length, 1)
    for (const pid of guards) process.kill(pid, 'SIGKILL')
    first.kill('SIGKILL')
    start('worker')
    await processesOf(2)
    await areGone(processes)
  })
})
