import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchAlerts } from '../../../services/api/src/batch-alerts.ts'

const NOW_MS = Date.UTC(2026, 2, 10, 21, 0)
const ago = (minutes: number): Date => new Date(NOW_MS - minutes * 60_000)
type Run = Parameters<typeof batchAlerts>[0][number]
const run = (id: string, job: string, state: Run['state'], minutes: number, round = 0): Run => ({
  _id: id,
  job,
  state,
  queuedAt: ago(minutes),
  round
})

describe('batchAlerts()', () => {
  it('judges a job by its newest run that is over', () => {
    const runs = [
      run('e', 'load', 'running', 1),
      run('d', 'load', 'failed', 60),
      run('c', 'load', 'succeeded', 90),
      run('b', 'report', 'succeeded', 95),
      run('a', 'report', 'failed', 100)
    ]
    assert.deepEqual(batchAlerts(runs, [], NOW_MS), [
      { alert: 'run failed', label: 'load', value: 1 },
      { alert: 'run failed', label: 'report', value: 0 }
    ])
  })

  it('counts the minutes since a run of a schedule was due and is not made', () => {
    const definition = JSON.stringify({ job: 'load', every: '1h' })
    const schedules = [
      { _id: 'behind', definition, until: ago(130) },
      { _id: 'good', definition, until: ago(0) },
      { _id: 'odd', definition: '{', until: ago(500) }
    ]
    assert.deepEqual(batchAlerts([], schedules, NOW_MS), [
      { alert: 'run late', label: 'behind', value: 120 },
      { alert: 'run late', label: 'good', value: 0 },
      { alert: 'run late', label: 'odd', value: 0 }
    ])
  })

  it('counts the minutes that a run waits, unless it was resumed', () => {
    const runs = [run('b', 'load', 'queued', 12), run('a', 'load', 'queued', 600, 1)]
    assert.deepEqual(batchAlerts(runs, [], NOW_MS), [
      { alert: 'queue stuck', label: 'b', value: 12 }
    ])
  })
})
