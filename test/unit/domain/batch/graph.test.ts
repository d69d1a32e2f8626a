import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkGraph,
  drawGraph,
  readyTasks,
  retryDelayOf,
  runStateOf,
  tasksToSkip,
  type JobSpec,
  type RunState,
  type TaskSpec,
  type TaskState,
  type TaskStates
} from '@tapedeck/domain'
import fc from 'fast-check'

function aTask(name: string, after: readonly string[] = [], more: Partial<TaskSpec> = {}) {
  return {
    name,
    after,
    retries: 0,
    retryDelayMs: 0,
    backoff: 'fixed',
    timeoutMs: 1000,
    ...more
  } as const
}

function aFlow(...tasks: readonly TaskSpec[]): JobSpec {
  return { name: 'example', kind: 'flow', tasks }
}

function states(of: Readonly<Record<string, TaskState>>): TaskStates {
  return new Map(Object.entries(of))
}

/** Extract, then two branches that meet in load. */
const diamond = aFlow(
  aTask('extract'),
  aTask('clean', ['extract']),
  aTask('count', ['extract']),
  aTask('load', ['clean', 'count'])
)

/** A flow without cycles, its tasks in any order. */
const flows: fc.Arbitrary<JobSpec> = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .chain((links) =>
    fc.shuffledSubarray(
      links.map((upstream, at) =>
        aTask(`t${at}`, at === 0 ? [] : [...new Set(upstream.map((one) => `t${one % at}`))])
      ),
      { minLength: links.length }
    )
  )
  .map((tasks) => aFlow(...tasks))

const ENDS = ['succeeded', 'failed', 'skipped', 'cancelled']

describe('checkGraph()', () => {
  it('finds nothing wrong with a graph without cycles', () => {
    assert.deepEqual(checkGraph(diamond), [])
    fc.assert(fc.property(flows, (flow) => assert.deepEqual(checkGraph(flow), [])))
  })

  it('names every mistake at once, each with what was found and expected', () => {
    const job = {
      name: 'Nightly job',
      kind: 'flow',
      tasks: [
        aTask('extract', ['extrct'], { retries: -1, timeoutMs: 0 }),
        aTask('load', ['extract', 'extract'], { retryDelayMs: 0.5 }),
        aTask('load', [], { backoff: 'linear' as 'fixed' }),
        aTask('../etc')
      ]
    } as const
    assert.deepEqual(
      checkGraph(job).map((mistake) => mistake.replace(/expected a name.*/, '…')),
      [
        "job 'Nightly job' found, …",
        "task 'load' found twice, expected names that differ",
        "task 'extract': after 'extrct' found, expected a task of the job; did you mean extract?",
        "task 'extract': retries -1 found, expected a whole number from 0 to 1000",
        "task 'extract': timeoutMs 0 found, expected a whole number from 1 to 604800000",
        "task 'load': after 'extract', 'extract' found, expected each once",
        "task 'load': retryDelayMs 0.5 found, expected a whole number from 0 to 86400000",
        "task 'load': backoff 'linear' found, expected fixed or exponential",
        "task '../etc': …"
      ]
    )
    assert.deepEqual(checkGraph(aFlow()), ['0 tasks found, expected 1 to 1000'])
  })

  it('names each cycle in the order of its tasks, and not what only waits for it', () => {
    const job = aFlow(
      aTask('start'),
      aTask('a', ['start', 'c']),
      aTask('b', ['a']),
      aTask('c', ['b']),
      aTask('behind', ['c']),
      aTask('alone', ['alone'])
    )
    assert.deepEqual(checkGraph(job), [
      'tasks wait for one another: a -> b -> c -> a',
      'tasks wait for one another: alone -> alone'
    ])
  })

  it('finds a cycle wherever one is added', () => {
    fc.assert(
      fc.property(flows, fc.nat(), fc.nat(), (flow, first, second) => {
        const from = flow.tasks[first % flow.tasks.length]
        const to = flow.tasks[second % flow.tasks.length]
        assert.ok(from !== undefined && to !== undefined)
        const upstream = new Set([from.name])
        for (const name of upstream) {
          for (const one of flow.tasks.find((task) => task.name === name)?.after ?? []) {
            upstream.add(one)
          }
        }
        // From is downstream of `to` or is it, so `to` after `from` closes a cycle.
        fc.pre(upstream.has(to.name))
        const closed = flow.tasks.map((task) =>
          task.name === to.name ? { ...task, after: [...task.after, from.name] } : task
        )
        const found = checkGraph({ ...flow, tasks: closed })
        assert.equal(found.length, 1, found.join('\n'))
        assert.match(found[0] ?? '', /^tasks wait for one another: (\S+) -> (.+ -> )?\1$/)
      })
    )
  })

  it('accepts a sequence only as a chain in its order', () => {
    const chain = [aTask('a'), aTask('b', ['a']), aTask('c', ['b'])]
    assert.deepEqual(checkGraph({ name: 'x', kind: 'sequence', tasks: chain }), [])
    const fork = [aTask('a'), aTask('b', ['a']), aTask('c', ['a'])]
    assert.deepEqual(checkGraph({ name: 'x', kind: 'sequence', tasks: fork }), [
      "task 'c': after 'a' found, expected 'b' in a sequence"
    ])
  })
})

describe('readyTasks(), tasksToSkip() and runStateOf()', () => {
  it('go on with independent branches when a task failed, and fail the run when they end', () => {
    const failed = states({ extract: 'succeeded', clean: 'failed', count: 'running' })
    assert.deepEqual(readyTasks(diamond, failed), [])
    assert.deepEqual(tasksToSkip(diamond, failed), ['load'])
    assert.equal(runStateOf(diamond, failed), 'running')
    assert.equal(runStateOf(diamond, new Map([...failed, ['count', 'succeeded']])), 'failed')
  })

  it('say queued before a task began, and cancelled when one was', () => {
    assert.equal(runStateOf(diamond, states({})), 'queued')
    assert.equal(runStateOf(diamond, states({ extract: 'ready' })), 'queued')
    assert.equal(runStateOf(diamond, states({ extract: 'running' })), 'running')
    assert.equal(runStateOf(diamond, states({ extract: 'cancelled' })), 'cancelled')
  })

  it('end every run: each task ends, and none begins before its upstream tasks succeeded', () => {
    const results = fc.infiniteStream(
      fc.constantFrom('succeeded', 'succeeded', 'failed', 'cancelled')
    )
    fc.assert(
      fc.property(flows, results, fc.infiniteStream(fc.nat()), (flow, outcomes, choices) => {
        const found = new Map<string, TaskState>()
        const upstream = new Map(flow.tasks.map(({ name, after }) => [name, after]))
        const running: string[] = []
        let steps = 0
        assert.equal(runStateOf(flow, found), 'queued')
        do {
          for (const name of tasksToSkip(flow, found)) found.set(name, 'skipped')
          for (const name of readyTasks(flow, found)) {
            assert.ok(upstream.get(name)?.every((one) => found.get(one) === 'succeeded'))
            assert.ok(!found.has(name), `${name} begins twice`)
            found.set(name, 'running')
            running.push(name)
          }
          const [ended] = running.splice(choices.next().value % Math.max(1, running.length), 1)
          if (ended !== undefined) found.set(ended, outcomes.next().value as TaskState)
          assert.ok(++steps <= 2 * flow.tasks.length, 'the run does not end')
        } while (runStateOf(flow, found) === 'running')
        for (const name of tasksToSkip(flow, found)) found.set(name, 'skipped')

        assert.equal(found.size, flow.tasks.length)
        const all = [...found.values()]
        assert.ok(all.every((state) => ENDS.includes(state)))
        for (const [name, after] of upstream) {
          const began = found.get(name) !== 'skipped'
          assert.equal(
            began,
            after.every((one) => found.get(one) === 'succeeded'),
            name
          )
        }
        const expected: RunState = all.includes('cancelled')
          ? 'cancelled'
          : all.every((state) => state === 'succeeded')
            ? 'succeeded'
            : 'failed'
        assert.equal(runStateOf(flow, found), expected)
      })
    )
  })
})

describe('retryDelayOf()', () => {
  it('stays, or doubles up to one hour', () => {
    const fixed = { retryDelayMs: 30_000, backoff: 'fixed' } as const
    const doubling = { retryDelayMs: 30_000, backoff: 'exponential' } as const
    assert.deepEqual(
      [1, 2, 10].map((failures) => retryDelayOf(fixed, failures)),
      [30_000, 30_000, 30_000]
    )
    assert.deepEqual(
      [1, 2, 3, 7, 8, 2000].map((failures) => retryDelayOf(doubling, failures)),
      [30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000]
    )
    assert.equal(retryDelayOf({ retryDelayMs: 7_200_000, backoff: 'exponential' }, 3), 7_200_000)
  })
})

describe('drawGraph()', () => {
  it('draws chains below one another, branches with lines, and names further upstream tasks', () => {
    const job = aFlow(
      aTask('create_document'),
      ...diamond.tasks,
      aTask('index', ['load', 'create_document']),
      aTask('audit', ['count'])
    )
    assert.equal(
      drawGraph(job, states({ create_document: 'succeeded', extract: 'running' })),
      [
        'create_document  succeeded',
        'extract          running',
        '├─ clean         waiting',
        '└─ count         waiting',
        '   ├─ load       waiting    also after clean',
        '   │  ↓ index    waiting    also after create_document',
        '   └─ audit      waiting',
        ''
      ].join('\n')
    )
    const chain = aFlow(aTask('a'), aTask('b', ['a']), aTask('c', ['b']))
    assert.equal(drawGraph(chain), 'a\n↓ b\n↓ c\n')
  })

  it('has one line for each task', () => {
    fc.assert(
      fc.property(flows, (flow) => {
        const lines = drawGraph(flow).trimEnd().split('\n')
        const names = lines.map((line) => /t\d+/.exec(line)?.[0] ?? '')
        assert.deepEqual(names.toSorted(), flow.tasks.map(({ name }) => name).toSorted())
      })
    )
  })
})
