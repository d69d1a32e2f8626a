import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TaskState } from '@tapedeck/domain'
import { nextStep } from '../../../services/batch/src/next-step.ts'

const specOf = (name: string, after: readonly string[] = []) => ({
  name,
  after,
  retries: 0,
  retryDelayMs: 0,
  backoff: 'fixed' as const,
  timeoutMs: 1000
})

const run = {
  job: 'chain',
  kind: 'sequence' as const,
  tasks: [specOf('a'), specOf('b', ['a'])],
  errorHandler: null
}
const handled = { ...run, errorHandler: specOf('handler') }

function tasksOf(states: Readonly<Record<string, TaskState>>) {
  return Object.entries(states).map(([task, state]) => ({
    task,
    state,
    error: state === 'failed' ? 'exit code 1' : null
  }))
}

describe('nextStep()', () => {
  it('makes ready what may begin', () => {
    const step = nextStep(run, tasksOf({ a: 'succeeded', b: 'waiting' }))
    assert.deepEqual(step, { ready: ['b'], skipped: [], end: undefined })
  })

  it('ends a run with the errors of its tasks', () => {
    const step = nextStep(run, tasksOf({ a: 'failed', b: 'waiting' }))
    assert.deepEqual(step, {
      ready: [],
      skipped: ['b'],
      end: { state: 'failed', error: 'a: exit code 1' }
    })
  })

  it('runs the error handler before a run fails, and ends the run after it, however it ended', () => {
    const before = nextStep(handled, tasksOf({ a: 'failed', b: 'skipped', handler: 'waiting' }))
    assert.deepEqual(before, { ready: ['handler'], skipped: [], end: undefined })
    for (const state of ['ready', 'running'] as const) {
      const step = nextStep(handled, tasksOf({ a: 'failed', b: 'skipped', handler: state }))
      assert.deepEqual(step, { ready: [], skipped: [], end: undefined })
    }
    const good = nextStep(handled, tasksOf({ a: 'failed', b: 'skipped', handler: 'succeeded' }))
    assert.deepEqual(good.end, { state: 'failed', error: 'a: exit code 1' })
    const bad = nextStep(handled, tasksOf({ a: 'failed', b: 'skipped', handler: 'failed' }))
    assert.deepEqual(bad.end, { state: 'failed', error: 'a: exit code 1; handler: exit code 1' })
  })

  it('skips the error handler of a run that succeeded or was cancelled', () => {
    for (const [b, state] of [
      ['succeeded', 'succeeded'],
      ['cancelled', 'cancelled']
    ] as const) {
      const step = nextStep(handled, tasksOf({ a: 'succeeded', b, handler: 'waiting' }))
      assert.deepEqual(step, { ready: [], skipped: ['handler'], end: { state, error: null } })
    }
  })
})
