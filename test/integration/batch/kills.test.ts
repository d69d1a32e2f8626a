import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it, type TestContext } from 'node:test'
import { seededRandom, table } from '@tapedeck/core'
import { newRun } from '@tapedeck/batch/testing'
import { createRun, findOutputs, findRuns, findTaskRuns, type Database } from '@tapedeck/mongo'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { openTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { GRID_TASKS, gridFlow, MEAN_WORK_MS, type Begun } from './grid-flow.ts'
import { jobOf } from './harness.ts'

const PROGRAM = path.join(import.meta.dirname, 'kill-member.ts')
const RUNS = 25
const WORKERS = 4
const BEATS = 2
const CONCURRENCY = 3
const LEASE_MS = 2000
const POLL_MS = 200
const TICK_MS = 250
/**
 * How many tasks that became ready later may begin before one that waits: those that all places can begin while a task that
 * was locked by a lost worker, or not queued by a lost process, is found again. A slow machine begins fewer in that time,
 * so this does not depend on its speed.
 */
const MOST_OVERTAKEN = Math.ceil(
  (WORKERS * CONCURRENCY * (LEASE_MS + TICK_MS + POLL_MS)) / MEAN_WORK_MS
)
const LIMIT_MS = 400_000
const seed = Number(process.env['KILLS_SEED'] ?? 14)

type Fault = 'worker killed' | 'worker paused' | 'beat killed' | 'beat paused' | 'database away'

/** Every fault that is injected while the tasks run, in an order that the seed decides. */
const FAULTS: Readonly<Record<Fault, number>> = {
  'worker killed': 6,
  'worker paused': 4,
  'beat killed': 2,
  'beat paused': 1,
  'database away': 3
}

/** The processes of the test, and what they have logged. */
class Members {
  readonly #env: Readonly<Record<string, string>>
  readonly #running = new Map<ChildProcess, 'worker' | 'beat'>()
  readonly #killed = new Set<ChildProcess>()
  /** Processes that ended and were not killed. */
  readonly crashed: string[] = []
  /** Results that were refused, and tasks that were given up because their lease was lost. */
  refused = 0

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
  }

  start(kind: 'worker' | 'beat'): void {
    const env = { ...process.env, ...this.#env }
    const child = spawn(process.execPath, [PROGRAM, kind], {
      env,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.#running.set(child, kind)
    const last: string[] = []
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        last.push(line)
        if (last.length > 20) last.shift()
        if (/"answer":"stale"|the lease was lost|task given up/.test(line)) this.refused++
      })
    }
    child.once('exit', (code, signal) => {
      this.#running.delete(child)
      if (!this.#killed.has(child))
        this.crashed.push(`${kind} ${code ?? signal}:\n${last.join('\n')}`)
    })
  }

  /** One of a kind by a number in [0, 1). */
  #pick(kind: 'worker' | 'beat', random: number): ChildProcess {
    const all = [...this.#running].filter(([, one]) => one === kind).map(([child]) => child)
    const child = all[Math.floor(random * all.length)]
    assert.ok(child !== undefined)
    return child
  }

  kill(kind: 'worker' | 'beat', random: number): void {
    const child = this.#pick(kind, random)
    this.#killed.add(child)
    this.#running.delete(child)
    child.kill('SIGKILL')
    this.start(kind)
  }

  async pause(kind: 'worker' | 'beat', random: number, ms: number): Promise<void> {
    const child = this.#pick(kind, random)
    child.kill('SIGSTOP')
    await sleep(ms)
    child.kill('SIGCONT')
  }

  end(): void {
    for (const child of this.#running.keys()) {
      this.#killed.add(child)
      child.kill('SIGKILL')
    }
  }
}

/** Injects one fault. Returns when it is over, except that killed processes still start again. */
async function inject(
  fault: Fault,
  members: Members,
  proxy: TcpProxy,
  random: () => number
): Promise<void> {
  if (fault === 'worker killed') members.kill('worker', random())
  if (fault === 'beat killed') members.kill('beat', random())
  // Longer than the lease: somebody else has got its tasks when it wakes up.
  const pauseMs = LEASE_MS * (1.2 + random())
  if (fault === 'worker paused') await members.pause('worker', random(), pauseMs)
  if (fault === 'beat paused') await members.pause('beat', random(), pauseMs)
  if (fault === 'database away') {
    proxy.hold(true)
    await sleep(LEASE_MS * random())
    await proxy.close()
    await sleep(LEASE_MS * random())
    proxy.hold(false)
    await proxy.reopen()
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => [random(), value] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value)
}

// Goal: whatever happens to workers, beats and database, each task is committed once, and each run ends.
// Method: processes that are killed and paused for real, a database behind a proxy that stalls and cuts
// connections; task_runs and the notes of what was begun are compared at the end.
describe('kills', { timeout: LIMIT_MS + 60_000 }, () => {
  it(`commits each of ${RUNS * GRID_TASKS} tasks once, none lost, none starved`, async (t) => {
    const random = seededRandom(seed)
    const given = servers()
    const { database } = await ownDatabase(t, given)
    const proxy = await openTcpProxy(t, given.mongoUri)
    const folder = await temporaryFolder(t)
    const members = new Members({
      ...given.env,
      MONGODB_URI: proxy.uri,
      TAPEDECK_DATA_DIR: folder,
      // Twenty processes load the same programs.
      NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
      BATCH_CONCURRENCY: String(CONCURRENCY),
      BATCH_LEASE: `${LEASE_MS}ms`,
      BATCH_POLL: `${POLL_MS}ms`,
      BATCH_TICK: `${TICK_MS}ms`
    })
    t.after(() => members.end())
    const job = jobOf(gridFlow(() => Promise.resolve()))
    const ids: string[] = []
    for (let number = 0; number < RUNS; number++) {
      const made = newRun(job, { cause: 'command', parameters: { number: String(number) } })
      await createRun(database, made)
      ids.push(made._id)
    }
    const beganMs = performance.now()
    for (let count = 0; count < WORKERS; count++) members.start('worker')
    for (let count = 0; count < BEATS; count++) members.start('beat')
    await untilSomeHaveEnded(database, 5)
    const kinds = Object.entries(FAULTS) as [Fault, number][]
    const faults = shuffled(
      kinds.flatMap(([fault, count]) => Array.from({ length: count }, () => fault)),
      random
    )
    const injected = new Map<Fault, number>()
    for (const fault of faults) {
      if (await isOver(database)) break
      injected.set(fault, (injected.get(fault) ?? 0) + 1)
      await inject(fault, members, proxy, random)
      await sleep(300 * random())
    }
    await untilOver(database)
    const seconds = (performance.now() - beganMs) / 1000
    await report(t, database, ids, { injected, members, seconds })
  })
})

async function isOver(database: Database): Promise<boolean> {
  return (await findRuns(database, { states: ['queued', 'running'], limit: 1 })).length === 0
}

async function untilOver(database: Database): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS
  while (!(await isOver(database))) {
    if (performance.now() > deadlineMs) {
      const open = await database.taskRuns.find({ state: { $in: ['ready', 'running'] } }).toArray()
      const names = open.map(({ _id, state, attempt }) => `${_id} ${state} ${attempt}`)
      assert.fail(`not over, ${open.length} tasks are open:\n${names.slice(0, 20).join('\n')}`)
    }
    await sleep(100)
  }
}

async function untilSomeHaveEnded(database: Database, count: number): Promise<void> {
  while ((await database.taskRuns.countDocuments({ state: 'succeeded' })) < count) await sleep(100)
}

/** Holds what is stored to what was begun, and prints the table. */
async function report(
  t: TestContext,
  database: Database,
  ids: readonly string[],
  {
    injected,
    members,
    seconds
  }: { injected: ReadonlyMap<Fault, number>; members: Members; seconds: number }
): Promise<void> {
  const runs = await findRuns(database, { limit: RUNS })
  const tasks = await findTaskRuns(database, ids)
  const begun = await database.db.collection<Begun>('begun').find().toArray()
  const outputs = new Map<string, string | null>()
  for (const id of ids) {
    const names = tasks.filter(({ run }) => run === id).map(({ task }) => task)
    for (const [task, output] of await findOutputs(database, id, names))
      outputs.set(`${id}/${task}`, output)
  }
  const successes = tasks.map(({ attempts }) => attempts.filter(({ error }) => error === null))
  const overtaken = overtakings(tasks)
  const losses = tasks.reduce((sum, one) => sum + one.losses, 0)
  const failures = tasks.reduce((sum, one) => sum + one.failures, 0)
  t.diagnostic(
    `seed ${seed}\n${table([
      ['what', 'count'],
      ...[...injected].map(([fault, count]) => [fault, count]),
      ['tasks', tasks.length],
      ['attempts begun', begun.length],
      ['attempts lost with their worker', losses],
      ['attempts that failed', failures],
      ['results refused or given up', members.refused],
      ['tasks committed once', successes.filter(({ length }) => length === 1).length],
      ['tasks committed more than once', successes.filter(({ length }) => length > 1).length],
      ['processes that crashed', members.crashed.length],
      ['most tasks that overtook one', overtaken.count],
      ['seconds', Number(seconds.toFixed(1))]
    ])}`
  )
  assert.deepEqual(members.crashed, [])
  assert.ok(overtaken.count <= MOST_OVERTAKEN, `${overtaken.count} overtook ${overtaken.task}`)
  assert.equal(tasks.length, RUNS * GRID_TASKS)
  assert.deepEqual([...new Set(runs.map(({ state }) => state))], ['succeeded'])
  for (const [index, task] of tasks.entries()) {
    const [success, ...more] = successes[index] ?? []
    assert.deepEqual({ state: task.state, more }, { state: 'succeeded', more: [] }, task._id)
    // The result that is stored is that of the attempt that was committed, and one process began that attempt.
    assert.equal(outputs.get(task._id), JSON.stringify({ attempt: success?.attempt }))
    const note = begun.find(({ _id }) => _id === `${task._id}#${success?.attempt}`)
    assert.equal(note?.by.length, 1, task._id)
    // Each attempt ended before the next one began.
    const attempts = task.attempts.map(({ attempt }) => attempt)
    assert.deepEqual(
      attempts,
      attempts.toSorted((a, b) => a - b)
    )
  }
}

/** The task that was overtaken by most others, as to its last attempt: they became ready later and began before it. */
function overtakings(tasks: Awaited<ReturnType<typeof findTaskRuns>>): {
  readonly task: string
  readonly count: number
} {
  const last = tasks.map(({ _id, notBefore, attempts }) => ({
    task: _id,
    readyMs: notBefore?.getTime() ?? NaN,
    beganMs: attempts.at(-1)?.startedAt.getTime() ?? NaN
  }))
  const counts = last.map(({ task, readyMs, beganMs }) => ({
    task,
    count: last.filter((other) => other.readyMs > readyMs && other.beganMs < beganMs).length
  }))
  return counts.reduce((most, one) => (one.count > most.count ? one : most))
}
