import assert from 'node:assert/strict'
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
    API_PORT: String(port)
  })
  t.after(() => api.stop())
  const url = `http://127.0.0.1:${port}`
  const ready200 = async (): Promise<number> => (await fetch(`${url}/readyz`)).status
  await until('the api is ready', async () => (await ready200()) === 200)
  const codes = Array.from({ length: REQUESTS }, async (_, at) => {
    // Each begins in another second, so that none shares its read.
    const range = `from=${T0_MS - at * 1000}&to=${T0_MS + TRADES}`
    const response = await fetch(`${url}/api/v1/trades?${range}&limit=10000`)
    const text = await response.text()
    return `${response.status} ${/"code":"(\w+)"/.exec(text.slice(0, 200))?.[1] ?? ''}`.trim()
  })
  const load = { isOver: false }
  const ended = Promise.all(codes).finally(() => (load.isOver = true))
  let looks = 0
  for (; !load.isOver; looks++) assert.equal(await ready200(), 200)
  const counts = Map.groupBy(await ended, (code) => code)
  t.diagnostic(
    `/readyz was 200 in ${looks} of ${looks} looks; ` +
      [...counts].map(([code, all]) => `${code}: ${all.length}`).join(', ')
  )
  assert.deepEqual([...counts.keys()].toSorted(), ['200', '429 OVERLOADED'])
})
