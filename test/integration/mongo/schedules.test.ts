import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { advanceSchedule, failSchedule, findSchedules, registerSchedules } from '@tapedeck/mongo'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'

/** A definition may hold what MongoDB would read as a field. */
const NIGHTLY = { _id: 'nightly', definition: '{"job":"nightly","parameters":{"a":"$b"}}' }
const QUOTES = { _id: 'quotes', definition: '$job' }

describe('schedules', () => {
  it('begin now, keep how far they are made, and begin again when they change', async (t) => {
    const { mongoUri, database: name } = servers()
    const { database } = await ownDatabase(t, { mongoUri, database: name })
    await registerSchedules(database, [QUOTES, NIGHTLY])
    const [nightly, quotes] = await findSchedules(database)
    assert.ok(nightly !== undefined && quotes !== undefined)
    assert.equal(nightly.definition, NIGHTLY.definition)
    assert.equal(quotes.definition, QUOTES.definition)
    assert.equal(nightly.lastOccurrence, null)
    assert.ok(nightly.now.getTime() - nightly.until.getTime() < 60_000)

    const until = new Date(nightly.until.getTime() + 5000)
    await failSchedule(database, nightly, 'no such job')
    await advanceSchedule(database, nightly, until, until)
    // An older look writes later: nothing goes back.
    await advanceSchedule(database, nightly, nightly.until, nightly.until)
    await registerSchedules(database, [NIGHTLY, QUOTES])
    const [again] = await findSchedules(database)
    assert.deepEqual([again?.until, again?.lastOccurrence, again?.error], [until, until, null])

    await failSchedule(database, quotes, 'no such job')
    const other = { ...NIGHTLY, definition: '{"job":"other"}' }
    await registerSchedules(database, [other])
    const changed = await findSchedules(database)
    assert.deepEqual(
      changed.map(({ _id, definition, error }) => [_id, definition, error]),
      [['nightly', other.definition, null]]
    )
    assert.ok((changed[0]?.until ?? until) < until)
    // Of the former definition: it changes nothing.
    await advanceSchedule(database, nightly, until, until)
    assert.ok(((await findSchedules(database))[0]?.until ?? until) < until)
  })
})
