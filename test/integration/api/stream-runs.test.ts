import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { openStream, type RunRow, type StreamOptions } from '@tapedeck/client'
import { startConsumer } from '@tapedeck/consumer'
import {
  cancelRun,
  claimTaskRun,
  commitTaskRun,
  createRun,
  endRun,
  releaseWaiting,
  startRun,
  type Database
} from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { forwardTcp, openTcpProxy } from '../../support/tcp-proxy.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 120_000 }
/** Nothing listens there: runs come from the database alone. */
const NO_BROKER = { KAFKA_BROKERS: '127.0.0.1:9' }
const CLAIM = { id: 'load@1/extract', attempt: 1, owner: 'worker/1' }
/** A machine with other work takes long to read the topics for the first time. */
const LIMIT_MS = 60_000
const READER = 'a-token-for-reading'

/** An api on a database of the test's own, by `uri` where that is another way to it. */
async function anApi(
  t: TestContext,
  {
    more = {},
    way
  }: { more?: Readonly<Record<string, string>>; way?: (uri: string) => string } = {}
) {
  const { database, config } = await ownDatabase(t)
  const uri = way?.(config.uri) ?? config.uri
  const api = await runningApi(t, {
    uri,
    database: config.database,
    more: { ...NO_BROKER, ...more }
  })
  await untilReady(api.get)
  return { database, ...api }
}

/** A client that reads runs for as long as the test runs. */
function reading(t: TestContext, api: string, asked: Partial<StreamOptions> = {}) {
  const snapshots: RunRow[] = []
  const changes: RunRow[] = []
  const statuses: string[] = []
  const ended = new AbortController()
  const onStatus = (isConnected: boolean, reason: string): void =>
    void statuses.push(isConnected ? 'connected' : reason)
  const read = async (): Promise<void> => {
    const all = { channels: ['runs'], onStatus, signal: ended.signal, ...asked } as const
    for await (const { runs = [], isSnapshot } of openStream(api, all)) {
      for (const row of runs) (isSnapshot ? snapshots : changes).push(row)
    }
  }
  const running = read()
  t.after(async () => {
    ended.abort()
    await running
  })
  const isLive = () => until('the client is told', () => statuses.at(-1) === 'connected')
  return { snapshots, changes, statuses, isLive }
}

const standing = ({ run, state, tasks }: RunRow): string =>
  `${run} ${state}: ${tasks.map((task) => `${task.task} ${task.state}`).join(', ')}`

/** Takes the first task of a run to its end, as a worker does, with a condition after each step. */
async function work(database: Database, told: (text: string) => Promise<void>): Promise<void> {
  await releaseWaiting(database, { run: 'load@1', round: 0 }, ['extract'], 'ready')
  await told('load@1 queued: extract ready, store waiting')
  await claimTaskRun(database, CLAIM, 60_000)
  await startRun(database, 'load@1')
  await told('load@1 running: extract running, store waiting')
  const result = { exitCode: 3, output: null, tail: 'no route\n', error: 'exit code 3' }
  await commitTaskRun(database, CLAIM, result, null)
  await releaseWaiting(database, { run: 'load@1', round: 0 }, ['store'], 'skipped')
  await endRun(database, { _id: 'load@1', round: 0 }, 'failed', 'extract failed: exit code 3')
  await told('load@1 failed: extract failed, store skipped')
}

describe('the channel of runs', options, () => {
  it('begins with the newest runs and tells each change, also without a broker', async (t) => {
    const { database, url, get } = await anApi(t)
    await createRun(database, aRun('nightly@1', { job: 'nightly' }))
    await createRun(database, aRun('load@1'))
    const all = reading(t, url)
    const nightly = reading(t, url, { jobs: ['nightly', 'other'] })
    await Promise.all([all.isLive(), nightly.isLive()])
    assert.deepEqual(all.snapshots.map(standing), [
      'load@1 queued: extract waiting, store waiting',
      'nightly@1 queued: extract waiting, store waiting'
    ])
    assert.deepEqual(
      nightly.snapshots.map(({ run }) => run),
      ['nightly@1']
    )
    await work(database, (text) =>
      until(text, () => all.changes.map(standing).includes(text), 10_000, 10)
    )
    await createRun(database, aRun('nightly@2', { job: 'nightly' }))
    await cancelRun(database, 'nightly@1')
    await until('both changes come', () => nightly.changes.length === 2)
    assert.deepEqual(nightly.changes.map(standing).toSorted(), [
      'nightly@1 cancelled: extract cancelled, store cancelled',
      'nightly@2 queued: extract waiting, store waiting'
    ])
    // Each state once, with what the list of runs says of it.
    const told = all.changes.map(standing)
    assert.equal(new Set(told).size, told.length)
    const last = all.changes.findLast(({ run }) => run === 'load@1')
    const { tasks, taskCount, ...row } = last ?? { tasks: [] }
    assert.equal(taskCount, 2)
    assert.equal(typeof tasks[0]?.endedAt, 'number')
    const { body } = await get('/api/v1/batch/runs?job=load')
    assert.deepEqual(body['runs'], [row])
  })

  it('needs the token that reading runs needs', async (t) => {
    const more = { API_OPEN: 'false', API_TOKENS: `viewer:read:${READER}` }
    const { database, url, get } = await anApi(t, { more })
    await createRun(database, aRun('load@1'))
    assert.equal((await get('/api/v1/batch/runs')).status, 401)
    const asked = { channels: ['runs'] } as const
    await assert.rejects(openStream(url, asked).next(), /no bearer token found/)
    const { snapshots, isLive } = reading(t, url, { token: READER })
    await isLive()
    assert.equal(snapshots.length, 1)
  })

  it('goes on after a lost connection with what changed meanwhile', async (t) => {
    const { database, url } = await anApi(t)
    const { port } = new URL(url)
    const proxy = await forwardTcp(t, { host: '127.0.0.1', port: Number(port) })
    await createRun(database, aRun('load@1'))
    const client = reading(t, `http://127.0.0.1:${proxy.port}`)
    await client.isLive()
    await proxy.close()
    await until('the client knows', () => client.statuses.at(-1) !== 'connected')
    await cancelRun(database, 'load@1')
    await proxy.reopen()
    await client.isLive()
    assert.deepEqual(
      client.snapshots.map(({ state }) => state),
      ['queued', 'cancelled']
    )
  })

  it('outlives a database that is away, says so, and tells what changed meanwhile', async (t) => {
    const { database, config } = await ownDatabase(t)
    const proxy = await openTcpProxy(t, config.uri)
    const { url, get } = await runningApi(t, {
      uri: proxy.uri,
      database: config.database,
      more: NO_BROKER
    })
    await untilReady(get)
    await createRun(database, aRun('load@1'))
    const client = reading(t, url)
    await client.isLive()
    await proxy.close()
    await until('the client knows', () => /database/.test(client.statuses.at(-1) ?? ''))
    await cancelRun(database, 'load@1')
    await createRun(database, aRun('load@2'))
    await proxy.reopen()
    await until('both changes come', () => client.changes.length === 2)
    assert.deepEqual(client.changes.map(({ run, state }) => `${run} ${state}`).toSorted(), [
      'load@1 cancelled',
      'load@2 queued'
    ])
    await client.isLive()
    // It was one connection all the time.
    const sinceLive = client.statuses.slice(client.statuses.indexOf('connected'))
    assert.ok(sinceLive.every((one) => one === 'connected' || /database/.test(one)))
    assert.equal(client.snapshots.length, 1)
  })

  it('comes beside other channels, and as server-sent events without an id', async (t) => {
    const market = await openMarket(t)
    // It makes the other topics.
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const { url, get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: market.env
    })
    await untilReady(get)
    const { database } = market
    await createRun(database, aRun('load@1'))
    const gaps: string[] = []
    const runs: string[] = []
    const ended = new AbortController()
    t.after(() => ended.abort())
    const read = async (): Promise<void> => {
      const asked = { channels: ['feed', 'runs'], signal: ended.signal } as const
      for await (const { feed = [], runs: rows = [] } of openStream(url, asked)) {
        gaps.push(...feed.map(({ id }) => id))
        runs.push(...rows.map(standing))
      }
    }
    const running = read()
    const address = `${url}/api/v1/events?channels=runs&jobs=load`
    const response = await fetch(address, { signal: ended.signal })
    const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const events = async (has: string): Promise<void> => {
      while (!text.includes(has)) text += (await chunks?.read())?.value ?? ''
    }
    await events('"live"')
    await until('the snapshot comes', () => runs.length > 0, LIMIT_MS)
    await cancelRun(database, 'load@1')
    await market.publishGap({ id: 'out', fromMs: 1000, toMs: 2000 })
    const isCancelled = (): boolean => runs.at(-1)?.startsWith('load@1 cancelled') === true
    await until('both channels come', () => gaps.includes('out') && isCancelled(), LIMIT_MS)
    await events('"state":"cancelled"')
    assert.doesNotMatch(text, /^id:/m)
    ended.abort()
    await running
  })
})
