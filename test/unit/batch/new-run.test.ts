import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newRun } from '../../../services/batch/src/new-run.ts'

const job = {
  spec: { name: 'nightly', kind: 'sequence' as const, tasks: [] },
  about: '',
  errorHandler: null,
  commands: new Map()
}
const atMs = Date.parse('2026-03-10T21:30:00Z')

describe('newRun()', () => {
  it('gives a run of a schedule the same id whoever makes it, and the trading date of its occurrence', () => {
    const scheduled = { schedule: 'close', occurrenceMs: atMs }
    const make = (nowMs: number) =>
      newRun(job, { cause: 'schedule', parameters: {}, scheduled }, nowMs)
    assert.deepEqual(make(atMs + 5000), make(atMs + 86_400_000))
    assert.equal(make(atMs)._id, 'close@2026-03-10T21:30:00.000Z')
    assert.deepEqual(make(atMs).parameters, { date: '2026-03-10' })
  })

  it('gives every other run an id of its own, and keeps a date that is given', () => {
    const make = () => newRun(job, { cause: 'command', parameters: { date: '2026-01-02' } }, atMs)
    assert.notEqual(make()._id, make()._id)
    assert.deepEqual(make().parameters, { date: '2026-01-02' })
  })

  it('queues the tasks of a local run for its own process alone', () => {
    const local = newRun(job, { cause: 'command', parameters: {}, isLocal: true }, atMs)
    assert.equal(local.queue, local._id)
    assert.equal(newRun(job, { cause: 'http', parameters: {} }, atMs).queue, 'sequence')
  })
})
