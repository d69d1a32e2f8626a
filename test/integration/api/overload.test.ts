import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { it } from 'node:test'
import { freePort } from '../../support/free-port.ts'
import { aTrade, T0_MS } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { until } from '../../support/until.ts'
import { startService } from '../../support/service-process.ts'

const TRADES = 12_000
const REQUESTS = 200

// Goal: however many large reads are asked for, the api says that it is busy, never that the database is away.
it('two hundred large reads leave /readyz its answer', { timeout: 240_000 }, async (t) => {
  const { database, config } = await ownDatabase(t)
  const trades = Array.from({ length: TRADES }, (_, at) =>
    aTrade('AAPL', at, { _id: `c-${at}-0`, tradedAt: new Date(T0_MS + at) })
  )
  await database.trades.insertMany(trades)
  // In a process of its own: reading the answers here would delay its own.
  const port = await freePort()
  const api = await startService('api', {
    MONGODB_URI: config.uri,
    MONGODB_DB: config.database,
    SYMBOLS: 'AAPL',
    API_PORT: String(port),
    API_READ_QUEUE: '150',
    API_READ_WAIT: '20s'
  })
  t.after(() => api.stop())
  const url = `http://127.0.0.1:${port}`
  const ready200 = async (): Promise<number> => (await fetch(`${url}/readyz`)).status
  await until('the api is ready', async () => (await ready200()) === 200)
  let answered = 0
  const codes: Promise<string>[] = Array.from({ length: REQUESTS }, async (_, at) => {
    // Each begins in another second, so that none shares its read.
    const range = `from=${T0_MS - at * 1000}&to=${T0_MS + TRADES}`
    const response = await fetch(`${url}/api/v1/trades?${range}&limit=10000`)
    const text = await response.text()
    answered++
    return `${response.status} ${/"code":"(\w+)"/.exec(text.slice(0, 200))?.[1] ?? ''}`.trim()
  })
  await until('reads are refused', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    return /api_reads\{state="waiting"\} [1-9]/.test(metrics)
  })
  const startedMs = performance.now()
  const ready = await ready200()
  const tookMs = performance.now() - startedMs
  const before = answered
  assert.equal(ready, 200)
  assert.ok(before < REQUESTS, 'reads still wait')
  const counts = Map.groupBy(await Promise.all(codes), (code) => code)
  t.diagnostic(
    `/readyz took ${tookMs.toFixed(0)} ms, ${before} of ${REQUESTS} reads were answered before it; ` +
      [...counts].map(([code, all]) => `${code}: ${all.length}`).join(', ')
  )
  assert.deepEqual([...counts.keys()].toSorted(), ['200', '429 OVERLOADED'])
})
