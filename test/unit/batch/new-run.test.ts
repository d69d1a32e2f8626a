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

  it('finds the trading date before that of the occurrence for the date `previous`', () => {
    const dateOf = (moment: string) => {
      const scheduled = { schedule: 'audit', occurrenceMs: Date.parse(moment) }
      const parameters = { date: 'previous' }
      return newRun(job, { cause: 'schedule', parameters, scheduled }).parameters['date']
    }
    assert.equal(dateOf('2026-03-10T21:00:00Z'), '2026-03-09')
    // Over a weekend, and over Thanksgiving to the half day before the weekend.
    assert.equal(dateOf('2026-03-09T21:00:00Z'), '2026-03-06')
    assert.equal(dateOf('2026-11-27T19:00:00Z'), '2026-11-25')
  })

  it('puts parameters into the commands that take them, and refuses names that none takes', () => {
    const audit = {
      ...job,
      commands: new Map([['audit', ['audit']]]),
      parameters: new Map([['audit', new Map([['symbol', ['--symbols']]])]])
    }
    const make = (parameters: Readonly<Record<string, string>>) =>
      newRun(audit, { cause: 'http', parameters }, atMs)
    assert.deepEqual(make({ symbol: 'AAPL' }).commands.get('audit'), ['audit', '--symbols', 'AAPL'])
    assert.deepEqual(make({}).commands.get('audit'), ['audit'])
    assert.throws(
      () => make({ symbl: 'AAPL' }),
      /parameter symbl found, expected symbol, date.*did you mean symbol/i
    )
    // Where no module says what it takes, all of them find what there is in their environment.
    assert.deepEqual(newRun(job, { cause: 'http', parameters: { x: 'y' } }, atMs).parameters, {
      x: 'y',
      date: '2026-03-10'
    })
  })
})
