import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunAnswer, RunsAnswer, SchedulesAnswer } from '@tapedeck/api/testing'
import {
  claimTaskRun,
  commitTaskRun,
  createRun,
  endRun,
  failSchedule,
  findRunRequests,
  refuseRunRequest,
  registerSchedules,
  releaseWaiting,
  startRun
} from '@tapedeck/mongo'
import { aRun } from '../../../support/batch-documents.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { runningApi, untilReady } from '../running-api.ts'

const options = { timeout: 60_000 }
const WRITER = 'a-token-for-writing'
const READER = 'a-token-for-reading'

describe('/api/v1/batch', options, () => {
  it('shows runs, their tasks with attempts, and schedules', async (t) => {
    const { database, config } = await ownDatabase(t)
    const { get } = await runningApi(t, { uri: config.uri, database: config.database })
    await untilReady(get)
    const occurrence = new Date('2026-11-27T18:30:00Z')
    await createRun(database, aRun('nightly@1', { schedule: 'nightly', occurrence }))
    await createRun(database, aRun('other@1', { job: 'other' }))
    await startRun(database, 'nightly@1')
    await releaseWaiting(database, { run: 'nightly@1', round: 0 }, ['extract'], 'ready')
    const claim = { id: 'nightly@1/extract', attempt: 1, owner: 'worker/1' }
    assert.ok(await claimTaskRun(database, claim, 60_000))
    const failure = { exitCode: 3, output: null, tail: 'no route to host', error: 'exit code 3' }
    await commitTaskRun(database, claim, failure, null)

    const { runs } = (await get('/api/v1/batch/runs?job=load')).body as unknown as RunsAnswer
    assert.deepEqual(
      runs.map(({ run, state, schedule, occurrence: at }) => [run, state, schedule, at]),
      [['nightly@1', 'running', 'nightly', occurrence.getTime()]]
    )
    const queued = (await get('/api/v1/batch/runs?state=queued')).body as unknown as RunsAnswer
    assert.deepEqual(
      queued.runs.map(({ run }) => run),
      ['other@1']
    )
    const found = (await get(`/api/v1/batch/runs/${encodeURIComponent('nightly@1')}`))
      .body as unknown as RunAnswer
    assert.deepEqual(found.run.parameters, { date: '2026-11-27' })
    assert.match(found.graph, /^extract +failed\n↓ store +waiting\n$/)
    const [extract, store] = found.tasks
    assert.deepEqual(extract?.command, ['node', 'extract.ts'])
    assert.deepEqual([extract?.exitCode, extract?.tail], [3, 'no route to host'])
    assert.deepEqual(
      extract?.attempts.map(({ owner, error }) => [owner, error]),
      [['worker/1', 'exit code 3']]
    )
    assert.deepEqual([store?.state, store?.after], ['waiting', ['extract']])
    const missing = await get('/api/v1/batch/runs/nobody%401')
    assert.equal(missing.status, 404)
    assert.match(missing.body.error?.message ?? '', /there is no run 'nobody@1'/)

    const definition = '{"job":"load","market":"close","offset":"30m"}'
    await registerSchedules(database, [{ _id: 'nightly', definition }])
    await failSchedule(database, { _id: 'nightly', definition }, 'no such job')
    const { schedules } = (await get('/api/v1/batch/schedules')).body as unknown as SchedulesAnswer
    const [nightly] = schedules
    assert.deepEqual(
      [nightly?.rule, nightly?.zone, nightly?.misfire, nightly?.error],
      ['market close +30m', 'America/New_York', 'last', 'no such job']
    )
    assert.equal(nightly?.next.length, 5)
  })

  it('alerts of the newest run of a job, however many others have run since', async (t) => {
    const { database, config } = await ownDatabase(t)
    const { get } = await runningApi(t, { uri: config.uri, database: config.database })
    await untilReady(get)
    await createRun(database, aRun('nightly@1', { job: 'nightly' }))
    await endRun(database, { _id: 'nightly@1', round: 0 }, 'failed', 'no trades')
    for (let i = 0; i < 210; i++) {
      await createRun(database, aRun(`quotes@${i}`, { job: 'quotes' }))
      await endRun(database, { _id: `quotes@${i}`, round: 0 }, 'succeeded', null)
    }
    await createRun(database, aRun('quotes@waiting', { job: 'quotes' }))
    const { alerts } = (await get('/api/v1/alerts')).body as unknown as {
      alerts: { alert: string; label: string; value: number }[]
    }
    assert.deepEqual(
      alerts
        .filter(({ alert }) => alert === 'run failed')
        .map(({ label, value }) => `${label} ${value}`)
        .toSorted(),
      ['nightly 1', 'quotes 0']
    )
    assert.deepEqual(
      alerts.filter(({ alert }) => alert === 'queue stuck').map(({ label }) => label),
      ['quotes@waiting']
    )
  })

  it('asks for a run and stops one with a token that may write', async (t) => {
    const { database, config } = await ownDatabase(t)
    const more = { API_TOKENS: `viewer:read:${READER},editor:write:${WRITER}` }
    const { get, ask } = await runningApi(t, {
      uri: config.uri,
      database: config.database,
      more
    })
    await untilReady(get)
    const post = (path: string, token: string, body?: object) =>
      ask('POST', `/api/v1/batch/${path}`, {
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' })
        },
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
    assert.equal((await post('runs', READER, { job: 'load' })).status, 403)
    const started = await post('runs', WRITER, { job: 'load', parameters: { day: '$x' } })
    assert.equal(started.status, 200)
    const [request] = await findRunRequests(database, 10)
    assert.equal(request?._id, started.body['run'])
    assert.deepEqual([request?.job, request?.parameters], ['load', { day: '$x' }])
    await refuseRunRequest(database, request?._id ?? '', 'no such job')
    const { requests } = (await get('/api/v1/batch/runs')).body as unknown as RunsAnswer
    assert.deepEqual(
      requests.map(({ run, error }) => [run, error]),
      [[request?._id, 'no such job']]
    )
    const wrong = await post('runs', WRITER, { job: '../x', parameters: { day: 5 }, when: 1 })
    assert.equal(wrong.status, 400)
    assert.deepEqual(
      wrong.body.error?.problems?.map(({ field }) => field),
      ['when', 'job', 'parameters']
    )

    await createRun(database, aRun('load@1'))
    assert.equal((await post('runs/load%401/stop', READER)).status, 403)
    assert.equal((await post('runs/load%401/stop', WRITER)).status, 200)
    const again = await post('runs/load%401/stop', WRITER)
    assert.equal(again.status, 409)
    assert.match(again.body.error?.message ?? '', /load@1 has cancelled, expected one that is/)
    assert.equal((await post('runs/nobody%401/stop', WRITER)).status, 404)
  })
})
