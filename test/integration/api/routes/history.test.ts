import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { tradeRow } from '@tapedeck/mongo'
import { tableFromIPC } from 'apache-arrow'
import { parse } from 'csv-parse/sync'
import { aBar, aForecast, aTrade, T0_MS } from '../../../support/market-documents.ts'
import { eventually } from '../../../support/eventually.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { openTcpProxy } from '../../../support/tcp-proxy.ts'
import { runningApi, untilReady } from '../running-api.ts'

// Goal: a range of any size leaves the api whole, in every format, or with a connection that is visibly broken.
// Method: several trades a millisecond, more rows than a batch has, and a proxy that cuts the database off.

const options = { timeout: 120_000 }
const COUNT = 30_000
const RANGE = `from=${T0_MS}&to=${T0_MS + 3_600_000}`
const TRADES = Array.from({ length: COUNT }, (_, at) =>
  aTrade(at % 2 === 0 ? 'AAPL' : 'MSFT', Math.floor(at / 7), { _id: `c-${at}-0`, price: 1 + at })
)

interface Body {
  readonly trades: readonly { readonly id: string; readonly time: number }[]
  readonly bars: readonly Record<string, unknown>[]
  readonly next: string | null
}

/** Everything of a response, with its trailers; rejects when the connection breaks. */
async function whole(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await opened(url, headers)
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  assert.ok(response.complete)
  return { response, bytes: Buffer.concat(parts), trailers: response.trailers }
}

async function opened(
  url: string,
  headers: Readonly<Record<string, string>> = {}
): Promise<IncomingMessage> {
  const [response] = (await once(httpGet(url, { headers, agent: false }), 'response')) as [
    IncomingMessage
  ]
  return response
}

async function withTrades(t: TestContext, uri?: string) {
  const { database, config } = await ownDatabase(t)
  for (let at = 0; at < COUNT; at += 10_000)
    await database.trades.insertMany(TRADES.slice(at, at + 10_000))
  const { url, get } = await runningApi(t, { uri: uri ?? config.uri, database: config.database })
  await untilReady(get)
  return {
    database,
    url,
    get: async (path: string) => (await get(`/api/v1/${path}`)).body as unknown as Body
  }
}

/** In the order of time, symbol and feed. */
const SORTED = TRADES.toSorted(
  (a, b) =>
    Number(a.tradedAt) - Number(b.tradedAt) ||
    (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : a.price - b.price)
)
const IDS = SORTED.map(({ _id }) => _id)

describe('the history of the api', options, () => {
  it('leads through all rows by pages, from the newest back, and both ways', options, async (t) => {
    const { get } = await withTrades(t)
    for (const order of ['', '&order=asc', '&order=desc']) {
      const ids: string[] = []
      let pages = 0
      for (let next: string | null = ''; next !== null; pages++) {
        const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`
        const page = await get(`trades?${RANGE}&limit=7001${order}${after}`)
        const found = page.trades.map(({ id }) => id)
        if (order === '') ids.unshift(...found)
        else ids.push(...found)
        next = page.next
      }
      assert.equal(pages, 5)
      assert.deepEqual(ids, order === '&order=desc' ? IDS.toReversed() : IDS)
    }
  })

  it(
    'streams all rows of a range in every format, and counts them in a trailer',
    options,
    async (t) => {
      const { url } = await withTrades(t)
      const read = (format: string) => whole(`${url}/api/v1/trades?${RANGE}&format=${format}`)
      const csv = await read('csv')
      const ndjson = await read('ndjson')
      const arrow = await read('arrow')
      const parquet = await read('parquet')
      for (const { trailers } of [csv, ndjson, arrow, parquet])
        assert.equal(trailers['tapedeck-rows'], String(COUNT))
      const lines = ndjson.bytes.toString().trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        SORTED.map((one) => ({ ...tradeRow(one) }))
      )
      const records: Record<string, string>[] = parse(csv.bytes, { columns: true })
      assert.deepEqual(
        records.map(({ id }) => id),
        IDS
      )
      assert.equal(csv.response.headers['content-type'], 'text/csv; charset=utf-8; header=present')
      assert.equal(csv.response.headers['content-disposition'], 'attachment; filename="trades.csv"')
      const table = tableFromIPC(arrow.bytes)
      assert.deepEqual([...(table.getChild('id') ?? [])], IDS)
      assert.ok(!table.schema.fields.some(({ name }) => name === 'tradedAt'))
      assert.equal(parquet.bytes.subarray(0, 4).toString(), 'PAR1')
      assert.equal(parquet.bytes.subarray(-4).toString(), 'PAR1')
    }
  )

  it(
    'knows the format by Accept too, takes a limit, an order, and only some fields',
    options,
    async (t) => {
      const { url, get } = await withTrades(t)
      const path = `${url}/api/v1/trades?${RANGE}&fields=price,id&limit=3&order=desc`
      const { bytes } = await whole(path, { accept: 'application/x-ndjson' })
      const rows = bytes
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object)
      const expected = SORTED.toReversed()
        .slice(0, 3)
        .map(({ _id: id, price }) => ({ price, id }))
      assert.deepEqual(rows, expected)
      assert.deepEqual(
        (await get(`trades?${RANGE}&fields=price,id&limit=3&order=desc`)).trades,
        expected
      )
    }
  )

  it('has bars by the same parameters', options, async (t) => {
    const { database, url, get } = await withTrades(t)
    await database.bars.insertMany([0, 1, 2].map((at) => aBar('AAPL', '1m', 60_000, at)))
    const page = await get(`bars?symbol=AAPL&${RANGE}&limit=2&order=asc&fields=time,close`)
    assert.deepEqual(page.bars, [
      { time: T0_MS, close: 101 },
      { time: T0_MS + 60_000, close: 101 }
    ])
    const rest = await get(
      `bars?symbol=AAPL&${RANGE}&order=asc&after=${encodeURIComponent(page.next ?? '')}`
    )
    assert.deepEqual(
      rest.bars.map(({ time }) => time),
      [T0_MS + 120_000]
    )
    const { trailers } = await whole(`${url}/api/v1/bars?symbol=AAPL&${RANGE}&format=parquet`)
    assert.equal(trailers['tapedeck-rows'], '3')
  })

  it(
    'has forecasts by the same parameters, without the corrections within a row',
    options,
    async (t) => {
      const { database, url } = await withTrades(t)
      await database.forecasts.insertMany(
        [1, 2, 3].map((at) => aForecast('AAPL', at, { error: 0.2, naiveError: -0.4 }))
      )
      const asked = `${url}/api/v1/forecasts?symbol=AAPL&timeframe=1m&${RANGE}`
      const first = (await (
        await fetch(`${asked}&limit=2&order=asc&fields=time,actual`)
      ).json()) as {
        readonly forecasts: readonly object[]
        readonly next: string
      }
      assert.deepEqual(
        first.forecasts,
        [1, 2].map((at) => ({ time: T0_MS + at * 60_000, actual: 100.3 }))
      )
      const after = encodeURIComponent(first.next)
      const rest = await (await fetch(`${asked}&order=asc&after=${after}&format=ndjson`)).text()
      const [row, ...more] = rest.trim().split('\n')
      assert.equal(more.length, 0)
      const found = JSON.parse(row ?? '') as Readonly<Record<string, unknown>>
      assert.equal(found['status'], 'scored')
      assert.ok(!('corrections' in found))
      for (const format of ['csv', 'parquet', 'arrow']) {
        const { trailers } = await whole(`${asked}&format=${format}`)
        assert.equal(trailers['tapedeck-rows'], '3', format)
      }
      assert.equal((await fetch(`${asked}&over=made&format=csv`)).status, 400)
    }
  )

  it('says everything that is wrong with a request', options, async (t) => {
    const { config } = await ownDatabase(t)
    const { get } = await runningApi(t, { uri: config.uri, database: config.database })
    await untilReady(get)
    const wrong = await get(`/api/v1/trades?order=up&format=xml&after=yesterday`)
    assert.deepEqual(wrong.body.error?.problems?.map(({ field }) => field).toSorted(), [
      'after',
      'format',
      'order'
    ])
    const fields = await get('/api/v1/trades?fields=prize,time')
    assert.match(
      fields.body.error?.message ?? '',
      /fields has 'prize', expected some of id, .*did you mean price/
    )
    assert.match(
      (await get('/api/v1/trades?limit=10001')).body.error?.message ?? '',
      /from 1 to 10000/
    )
    assert.equal((await get('/api/v1/trades?limit=10001')).status, 400)
  })

  it(
    'breaks the connection when the database goes in the middle, so that no part looks whole',
    options,
    async (t) => {
      const { config } = await ownDatabase(t)
      const proxy = await openTcpProxy(t, config.uri)
      const { url } = await withTrades(t, proxy.uri)
      const response = await opened(`${url}/api/v1/trades?${RANGE}&format=ndjson`)
      assert.equal(response.statusCode, 200)
      await once(response, 'readable') // it has begun, and is not read on until the database is away
      await proxy.close()
      await assert.rejects(async () => {
        for await (const _part of response) continue
      }, /aborted|ECONNRESET|terminated/)
      assert.equal(response.complete, false)
      assert.equal(response.trailers['tapedeck-rows'], undefined)
    }
  )

  it('ends the read when the client leaves', options, async (t) => {
    const { database, url } = await withTrades(t)
    const cursors = async (): Promise<number> =>
      Number((await database.db.admin().serverStatus())['metrics'].cursor.open.total)
    const before = await cursors()
    const response = await opened(`${url}/api/v1/trades?${RANGE}&format=ndjson`)
    await once(response, 'readable')
    assert.ok((await cursors()) > before)
    response.destroy()
    await eventually(async () => assert.equal(await cursors(), before))
  })
})
