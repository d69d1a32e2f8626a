import assert from 'node:assert/strict'
import { it } from 'node:test'
import { desiredSymbols } from '@tapedeck/mongo'
import { ownDatabase } from '../../support/own-database.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 60_000 }
const API_TOKEN = 'a-token-of-the-test'
const BASE = ['AAPL', 'MSFT']

// Goal: what is added over the api is what the producer follows, also after a restart of both.
it(
  'symbols added and removed over the api survive a restart, in a stable order',
  options,
  async (t) => {
    const { database, config } = await ownDatabase(t)
    const where = { uri: config.uri, database: config.database, more: { API_TOKEN } }
    const headers = { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' }
    const first = await runningApi(t, where)
    await untilReady(first.get)
    const add = (symbols: readonly string[]) =>
      first.ask('POST', '/api/v1/symbols', { headers, body: JSON.stringify({ symbols }) })
    assert.equal((await add(['TSLA', 'BINANCE:BTCUSDT'])).status, 200)
    assert.equal((await add(['AMD'])).status, 200)
    assert.equal((await add(['TSLA', 'AAPL'])).status, 200)
    const { status } = await first.ask('DELETE', '/api/v1/symbols/MSFT', {
      headers: { authorization: headers.authorization }
    })
    assert.equal(status, 200)
    const expected = ['AAPL', 'TSLA', 'BINANCE:BTCUSDT', 'AMD']
    assert.deepEqual(await desiredSymbols(database, BASE), { symbols: expected, overflow: [] })
    assert.deepEqual(await desiredSymbols(database, BASE, 2), {
      symbols: expected.slice(0, 2),
      overflow: expected.slice(2)
    })

    const second = await runningApi(t, where)
    await untilReady(second.get)
    const { body } = await second.get('/api/v1/symbols')
    const rows = body['symbols'] as { symbol: string; configured: boolean; wanted: boolean }[]
    assert.deepEqual(
      rows.map(({ symbol, configured, wanted }) => ({ symbol, configured, wanted })),
      [
        { symbol: 'AAPL', configured: true, wanted: true },
        { symbol: 'MSFT', configured: true, wanted: false },
        { symbol: 'AMD', configured: false, wanted: true },
        { symbol: 'BINANCE:BTCUSDT', configured: false, wanted: true },
        { symbol: 'TSLA', configured: false, wanted: true }
      ]
    )
    assert.equal(body['changeable'], true)
  }
)
