import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findRunRequests, fulfilRunRequest, refuseRunRequest, requestRun } from '@tapedeck/mongo'
import { ownDatabase } from '../../support/own-database.ts'
import { servers } from '../../support/servers.ts'

describe('run_requests', () => {
  it('holds what was asked for until it is made, and why it cannot be', async (t) => {
    const { mongoUri, database: name } = servers()
    const { database } = await ownDatabase(t, { mongoUri, database: name })
    const request = { _id: 'load@1', job: 'load', parameters: { day: '$day' } }
    await requestRun(database, request)
    await refuseRunRequest(database, 'load@1', 'no such job')
    await requestRun(database, request)
    const [found] = await findRunRequests(database, 10)
    assert.ok(found !== undefined)
    const { requestedAt, ...fields } = found
    assert.deepEqual(fields, { ...request, error: 'no such job' })
    assert.ok(requestedAt instanceof Date)
    await fulfilRunRequest(database, 'load@1')
    assert.deepEqual(await findRunRequests(database, 10), [])
  })
})
