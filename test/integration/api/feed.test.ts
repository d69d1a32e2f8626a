import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aFeedStatus, aGap, T0_MS } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 60_000 }
const MINUTE_MS = 60_000

it('feed and gaps answer what producer and consumer have stored', options, async (t) => {
  const { database, config } = await ownDatabase(t)
  await database.feedStatus.insertOne(aFeedStatus())
  const stored = [aGap('first', null, 1000), aGap('open', 30 * MINUTE_MS, null)]
  for (let i = 0; i < 55; i++) stored.push(aGap(`g${i}`, i * 10_000, i * 10_000 + 4000))
  await database.feedGaps.insertMany(stored)
  const { get } = await runningApi(t, { uri: config.uri, database: config.database })
  await untilReady(get)

  const feed = (await get('/api/v1/feed')).body
  const [row] = feed['feeds'] as Record<string, unknown>[]
  assert.deepEqual(
    {
      feed: row?.['feed'],
      state: row?.['state'],
      isStale: row?.['isStale'],
      maxSymbols: row?.['maxSymbols']
    },
    { feed: 'simulated', state: 'connected', isStale: false, maxSymbols: 50 }
  )
  const newest = feed['gaps'] as { id: string; from: number }[]
  assert.equal(newest.length, 50)
  assert.deepEqual({ first: newest[0]?.id, last: newest.at(-1)?.id }, { first: 'g6', last: 'open' })

  const idsOf = async (from: number, to: number): Promise<string[]> => {
    const { body } = await get(`/api/v1/gaps?from=${T0_MS + from}&to=${T0_MS + to}`)
    return (body['gaps'] as { id: string }[]).map(({ id }) => id)
  }
  assert.deepEqual(await idsOf(11_000, 31_000), ['g1', 'g2', 'g3'])
  assert.deepEqual(await idsOf(500, 600), ['g0', 'first'])
  assert.deepEqual(await idsOf(45 * MINUTE_MS, 46 * MINUTE_MS), ['open'])
})
