import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { RunWatch, ToldRuns, type StreamEvent } from '@tapedeck/api/testing'
import { TapedeckError } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { LOAD_RUN } from '../../../support/batch-documents.ts'
import { TestClock } from '../../../support/test-clock.ts'

type Found = Parameters<ToldRuns['differing']>
type Run = Found[0][number]
type Tasks = Found[1]

function aRun(id: string, fields: Partial<Run> = {}): Run {
  return {
    _id: id,
    ...LOAD_RUN,
    state: 'running',
    isLocal: false,
    round: 0,
    queuedAt: new Date(1000),
    startedAt: new Date(2000),
    endedAt: null,
    error: null,
    ...fields
  }
}

function tasksOf(run: string, ...states: readonly ['waiting' | 'running', number][]): Tasks {
  const rows = states.map(([state, attempt], index) => ({
    run,
    task: `task-${index}`,
    state,
    attempt,
    startedAt: null,
    endedAt: null
  }))
  return new Map([[run, rows]])
}

const idsOf = (runs: readonly Run[]): string[] => runs.map(({ _id }) => _id)

describe('ToldRuns', () => {
  it('finds a run that is new, and one whose state or a task of which is another', () => {
    const told = new ToldRuns()
    const waits = tasksOf('a', ['waiting', 0])
    assert.deepEqual(idsOf(told.differing([aRun('a'), aRun('b')], waits)), ['a', 'b'])
    assert.deepEqual(told.differing([aRun('b'), aRun('a')], waits), [])
    const runs = [aRun('a'), aRun('b', { state: 'succeeded', endedAt: new Date(3000) })]
    assert.deepEqual(idsOf(told.differing(runs, waits)), ['b'])
    assert.deepEqual(idsOf(told.differing(runs, tasksOf('a', ['running', 1]))), ['a'])
    assert.deepEqual(idsOf(told.differing(runs, tasksOf('a', ['running', 2]))), ['a'])
    assert.deepEqual(told.differing(runs, tasksOf('a', ['running', 2])), [])
  })

  it('remembers a run that is not found for a while, but not ever more of them', () => {
    const told = new ToldRuns()
    told.differing([aRun('a')], new Map())
    const others = Array.from({ length: 1999 }, (_, at) => aRun(`run-${at}`))
    told.differing(others, new Map())
    assert.deepEqual(told.differing([aRun('a')], new Map()), [])
    told.differing([...others, aRun('one more')], new Map())
    assert.deepEqual(idsOf(told.differing([aRun('a')], new Map())), ['a'])
  })
})

/** A watch on runs and tasks that a test sets, with a client that wants runs until the test says otherwise. */
function aWatch(t: TestContext) {
  const clock = new TestClock()
  const { context, stop } = createContext(createLogger('api', 'silent'))
  t.after(stop)
  const stored = {
    runs: [] as Run[],
    tasks: new Map() as Tasks,
    isAway: false,
    reads: 0,
    lookBacks: [] as number[],
    isWanted: true
  }
  const answer = async <T>(value: T): Promise<T> => {
    stored.reads++
    if (stored.isAway) throw new TapedeckError('DATABASE_UNREACHABLE', 'mongodb://secret is away')
    return value
  }
  const watch = new RunWatch(
    {
      runs: ({ job }) =>
        answer(
          stored.runs
            .filter((run) => job === undefined || run.job === job)
            .map((run) => ({ ...run, tasks: [], errorHandler: null, parameters: {} }))
        ),
      runsInMotion: (lookBackMs) => {
        stored.lookBacks.push(lookBackMs)
        return answer(stored.runs)
      },
      taskStates: () => answer(stored.tasks)
    },
    async () => (run) => ({
      run: run._id,
      job: run.job,
      kind: run.kind,
      state: run.state,
      cause: run.cause,
      schedule: null,
      occurrence: null,
      queuedAt: 1,
      startedAt: 2,
      endedAt: null,
      took: 1,
      error: run.error,
      page: '',
      report: null
    }),
    context,
    clock
  )
  const events: StreamEvent[] = []
  watch.listen({
    isWanted: () => stored.isWanted,
    events: (some) => void events.push(...some)
  })
  return { watch, clock, stored, events }
}

describe('RunWatch', () => {
  it('hands over the newest runs first, then each that changes, once', async (t) => {
    const { watch, clock, stored, events } = aWatch(t)
    stored.runs = [aRun('a'), aRun('b', { job: 'nightly', queuedAt: new Date(5000) })]
    stored.tasks = tasksOf('a', ['waiting', 0], ['waiting', 0])
    const taken: string[][] = []
    const take = (rows: readonly { run: string }[]): void =>
      void taken.push(rows.map(({ run }) => run))
    await watch.join(['*'], take)
    await watch.join(['load'], take)
    assert.deepEqual(taken, [['b', 'a'], ['a']])
    await clock.advance(3000)
    assert.equal(events.length, 0)
    stored.tasks = tasksOf('a', ['running', 1], ['waiting', 0])
    await clock.advance(2000)
    const [event, ...others] = events
    assert.equal(others.length, 0)
    assert.deepEqual([event?.id, event?.keys], ['a', ['runs|load', 'runs|*']])
    const row = JSON.parse(event?.rows[0] ?? '') as { tasks: { state: string }[] }
    assert.deepEqual(
      row.tasks.map(({ state }) => state),
      ['running', 'waiting']
    )
  })

  it('asks the database nothing while nobody wants runs', async (t) => {
    const { watch, clock, stored, events } = aWatch(t)
    await clock.advance(5000)
    assert.equal(stored.reads, 0)
    await watch.join(['*'], () => undefined)
    stored.isWanted = false
    await clock.advance(1000)
    const { reads } = stored
    await clock.advance(5000)
    assert.equal(stored.reads, reads)
    assert.equal(clock.waiting, 0)
    // What changed meanwhile is in the snapshot of the next client, and no event.
    stored.runs = [aRun('a')]
    stored.isWanted = true
    await watch.join(['*'], (rows) => assert.equal(rows.length, 1))
    await clock.advance(2000)
    assert.deepEqual(events, [])
  })

  it('goes on after the database was away, says so, and looks back as far as that', async (t) => {
    const { watch, clock, stored, events } = aWatch(t)
    await watch.join(['*'], () => undefined)
    stored.isAway = true
    await clock.advance(3000)
    assert.match(watch.trouble ?? '', /^The database does not answer/)
    await assert.rejects(
      watch.join(['*'], () => undefined),
      /is away/
    )
    stored.isAway = false
    stored.runs = [aRun('a', { state: 'failed', error: 'x'.repeat(9000) })]
    await clock.advance(1000)
    assert.equal(watch.trouble, undefined)
    assert.equal(events.length, 1)
    assert.ok((events[0]?.rows[0]?.length ?? 0) < 1500)
    assert.ok(stored.lookBacks.every((ms) => ms >= 30_000))
  })

  it('a first snapshot that fails begins nothing', async (t) => {
    const { watch, clock, stored } = aWatch(t)
    stored.isAway = true
    await assert.rejects(
      watch.join(['*'], () => undefined),
      /is away/
    )
    await clock.advance(5000)
    assert.equal(stored.reads, 1)
  })
})
