import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunRow } from '@tapedeck/client'
import { LOAD_RUN } from '../../../../support/batch-documents.ts'
import { KnownRuns, withRow } from '../../../../../services/api/src/web/page/known-runs.ts'

const ALL = { job: '', state: '' }

function aRow(run: string, queuedAt: number, fields: Partial<RunRow> = {}): RunRow {
  return {
    run,
    ...LOAD_RUN,
    state: 'running',
    queuedAt,
    startedAt: queuedAt,
    endedAt: null,
    took: 0,
    error: null,
    page: '',
    report: null,
    taskCount: 0,
    tasks: [],
    ...fields
  }
}

const shown = ({ runs }: KnownRuns): string[] => runs.map(({ run, state }) => `${run} ${state}`)

describe('KnownRuns', () => {
  it('puts what the stream tells into the answer of the api, the newest first', () => {
    const known = new KnownRuns(2)
    const requests = [
      { run: 'c', job: 'load', requestedAt: 1, error: null },
      { run: 'd', job: 'no-job', requestedAt: 1, error: 'no such job' }
    ]
    known.answered({ runs: [aRow('b', 2), aRow('a', 1)], requests }, ALL, 0)
    assert.deepEqual([known.isActive, known.isWaiting], [true, true])
    known.told([aRow('c', 3), aRow('b', 2, { state: 'failed', endedAt: 9 })])
    assert.deepEqual(shown(known), ['c running', 'b failed'])
    // A run that is made is no request any more.
    assert.deepEqual(
      known.requests.map(({ run }) => run),
      ['d']
    )
    assert.equal(known.isWaiting, false)
  })

  it('keeps to the job and the state that are chosen', () => {
    const known = new KnownRuns(10)
    const filter = { job: 'load', state: 'running' }
    assert.equal(known.isFiltered, false)
    known.answered({ runs: [aRow('a', 1)], requests: [] }, filter, 0)
    assert.equal(known.isFiltered, true)
    known.told([aRow('b', 2), aRow('c', 3, { job: 'other' }), aRow('a', 1, { state: 'failed' })])
    assert.deepEqual(shown(known), ['b running'])
  })

  it('lets no answer undo what came while it was asked for', () => {
    const known = new KnownRuns(10)
    known.told([aRow('a', 1)])
    const { count } = known
    known.told([aRow('a', 1, { state: 'succeeded', endedAt: 5 })])
    known.answered({ runs: [aRow('a', 1)], requests: [] }, ALL, count)
    assert.deepEqual(shown(known), ['a succeeded'])
    assert.equal(known.newerRow('a', count)?.state, 'succeeded')
    // What was told before the question is in the answer.
    known.answered({ runs: [aRow('a', 1, { state: 'failed' })], requests: [] }, ALL, known.count)
    assert.deepEqual(shown(known), ['a failed'])
    assert.equal(known.newerRow('a', known.count), undefined)
  })

  it('withRow() changes states and keeps output and attempts', () => {
    const { tasks: _tasks, taskCount: _taskCount, ...run } = aRow('a', 1)
    const task = {
      task: 'extract',
      after: [],
      isErrorHandler: false,
      state: 'ready',
      attempt: 0,
      owner: null,
      notBefore: null,
      startedAt: null,
      endedAt: null,
      command: null,
      exitCode: null,
      error: null,
      tail: 'no route',
      attempts: []
    } as const
    const account = { run: { ...run, parameters: { date: 'x' } }, tasks: [task], graph: 'extract' }
    const state = {
      task: 'extract',
      state: 'running',
      attempt: 1,
      startedAt: 7,
      endedAt: null
    } as const
    const row = aRow('a', 1, { state: 'failed', tasks: [state] })
    assert.deepEqual(withRow(account, row), {
      run: { ...run, state: 'failed', parameters: { date: 'x' } },
      tasks: [{ ...task, ...state }],
      graph: 'extract'
    })
  })
})
