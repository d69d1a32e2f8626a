import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { readParquet, type Row } from '@tapedeck/table'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { eventually } from '../../../support/eventually.ts'
import { inService } from '../../../support/in-service.ts'
import { aBar, T0_MS } from '../../../support/market-documents.ts'
import { openMarket } from '../../../support/market.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { temporaryFolder, type Scope } from '../../../support/scope.ts'
import { aRecord, aTrade, START_MS } from '../../../support/trades.ts'
import { runTool } from '../../tools/run-tool.ts'
import { runningApi, untilReady } from '../running-api.ts'

// Goal: windows that are made of stored seconds equal those that the consumer stored, in every answer and file.

const options = { timeout: 120_000 }
const MINUTES = 12
const RANGE = `from=${START_MS}&to=${START_MS + MINUTES * 60_000}`
/** Fields that seconds cannot give: what was late for a second may have been in time for a minute. */
const UNKNOWN = ['revision', 'revisionCause', 'lateCount', 'lateVolume', 'status']

type Bars = readonly Record<string, unknown>[]

function known(bars: Bars): Bars {
  return bars.map((bar) =>
    Object.fromEntries(Object.entries(bar).filter(([name]) => !UNKNOWN.includes(name)))
  )
}

/** Trades of twelve minutes of two symbols, some late, and an outage, through the consumer. */
async function aConsumedMarket(t: Scope) {
  const market = await openMarket(t)
  await inService(t, (context) =>
    startConsumer(market.consumer({ TIMEFRAMES: '1s,1m,5m', ALLOWED_DELAY: '0s' }), context)
  )
  const symbols = ['AAPL', 'BINANCE:BTCUSDT']
  const record = (frame: number, tMs: number) =>
    aRecord({
      symbol: symbols[frame % 2] ?? '',
      frame,
      trades: [
        aTrade({ t: tMs, p: 100 + (frame % 13) / 8, v: 1 + (frame % 5) / 1e5 }),
        aTrade({ t: tMs + 90, p: 100 - (frame % 3), c: frame % 4 === 0 ? ['1', '12'] : null })
      ]
    })
  const all = Array.from({ length: MINUTES * 40 }, (_, at) => record(at + 1, START_MS + at * 1500))
  await market.publish(all.slice(0, 300))
  await market.publishGap({ id: 'g', fromMs: START_MS + 200_000, toMs: START_MS + 230_000 })
  await market.publish(all.slice(300))
  const end = START_MS + (MINUTES + 2) * 60_000
  await market.publish([record(9000, end), record(9001, end)])
  const late = [record(9002, START_MS + 61_250), record(9003, START_MS + 125_250)]
  await market.publish(late)
  await eventually(async () => {
    assert.equal(await market.database.trades.countDocuments(), 2 * (all.length + 4))
    assert.equal(await market.database.bars.countDocuments({ timeframe: '1m', lateCount: 2 }), 2)
  })
  const uri = market.env['MONGODB_URI'] ?? ''
  const { get, url } = await runningApi(t, { uri, database: market.env['MONGODB_DB'] ?? '' })
  await untilReady(get)
  const bars = async (query: string): Promise<{ bars: Bars; next: string | null }> => {
    const { status, body } = await get(`/api/v1/bars?${query}`)
    assert.equal(status, 200, JSON.stringify(body))
    return body as never
  }
  return { market, get, url, bars }
}

describe('windows of stored seconds', options, () => {
  it('equal the stored bars of the same window, field by field', options, async (t) => {
    const { market, url, bars } = await aConsumedMarket(t)
    for (const timeframe of ['1m', '5m']) {
      const stored = await bars(`${RANGE}&timeframe=${timeframe}&order=asc`)
      const made = await bars(`${RANGE}&window=${timeframe}&order=asc`)
      assert.equal(stored.bars.length, timeframe === '1m' ? 2 * MINUTES : 2 * 3)
      assert.deepEqual(known(made.bars), known(stored.bars))
      assert.ok(stored.bars.some(({ gapIds }) => (gapIds as string[]).includes('g')))
      assert.deepEqual(
        made.bars.map(({ status }) => status),
        stored.bars.map(({ status }) => status)
      )
      assert.deepEqual((await bars(`${RANGE}&window=${timeframe}`)).bars, made.bars)
      const down = await bars(`${RANGE}&window=${timeframe}&order=desc`)
      assert.deepEqual(down.bars.toReversed(), made.bars)
    }
    // Pages have no hole and no repeat.
    for (const order of ['asc', 'desc']) {
      const whole = await bars(`${RANGE}&window=7m&order=${order}`)
      const rows: Record<string, unknown>[] = []
      for (let next: string | null = ''; next !== null;) {
        const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`
        const page = await bars(`${RANGE}&window=7m&order=${order}&limit=1${after}`)
        rows.push(...page.bars)
        next = page.next
      }
      assert.equal(rows.length, 4)
      assert.deepEqual(rows, whole.bars)
    }
    // Other formats, and a file.
    const folder = await temporaryFolder(t)
    const file = path.join(folder, 'w.parquet')
    const query = `${RANGE}&window=90s&origin=session`
    const answer = await fetch(`${url}/api/v1/bars?${query}&format=parquet`)
    await writeFile(file, Buffer.from(await answer.arrayBuffer()))
    const out = path.join(folder, 'x.parquet')
    const run = await runTool(
      'export',
      market.env,
      '--what',
      'bars',
      '--window',
      '90s',
      '--origin',
      'session',
      '--from',
      new Date(START_MS).toISOString(),
      '--to',
      new Date(START_MS + MINUTES * 60_000).toISOString(),
      '--out',
      out
    )
    assert.equal(run.code, 0, run.output)
    const { bars: rows } = await bars(`${query}&order=asc`)
    assert.equal(rows.length, 16)
    for (const one of [file, out]) {
      const found: Row[] = []
      for await (const part of readParquet(one)) found.push(...part)
      assert.deepEqual(
        found.map(({ id, volume }) => ({ id, volume })),
        rows.map(({ id, volume }) => ({ id, volume }))
      )
    }
  })

  it('says what is wrong, and what is not stored', options, async (t) => {
    const { database, config } = await ownDatabase(t)
    const { get } = await runningApi(t, { uri: config.uri, database: config.database })
    await untilReady(get)
    const problem = async (query: string): Promise<string> => {
      const { status, body } = await get(`/api/v1/bars?${query}`)
      assert.equal(status, 400)
      return body.error?.message ?? ''
    }
    assert.match(await problem('window=1d'), /window is '1d', expected whole seconds, minutes/)
    assert.match(await problem('window=7m&timeframe=1m'), /timeframe is '1m' beside window/)
    assert.match(await problem('origin=session'), /origin is given without window/)
    const range = `from=${T0_MS}&to=${T0_MS + 3_600_000}`
    assert.equal((await get(`/api/v1/bars?window=7m&${range}`)).status, 200)
    await database.bars.insertOne(aBar('AAPL', '1m', 60_000, 0))
    assert.match(
      await problem(`window=7m&${range}`),
      /none of one second.*expected 1s in TIMEFRAMES/
    )
    await database.bars.insertOne(aBar('AAPL', '1s', 1000, 0))
    assert.equal((await get(`/api/v1/bars?window=7m&${range}`)).status, 200)
    const expire = { expireAfterSeconds: 86_400, partialFilterExpression: { timeframe: '1s' } }
    await database.bars.createIndex({ end: 1 }, { ...expire, name: 'expire_1s' })
    assert.match(await problem(`window=7m&${range}`), /before 20.* have expired \(BARS_TTL\)/)
    assert.equal((await get('/api/v1/bars?window=24h')).status, 200)
  })
})
