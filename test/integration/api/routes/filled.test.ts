import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BarDocument, CheckpointDocument } from '@tapedeck/mongo'
import { aBar, T0_MS } from '../../../support/market-documents.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import type { Scope } from '../../../support/scope.ts'
import { runningApi, untilReady } from '../running-api.ts'

// Goal: a row for each window of a session, whatever the order, the pages and the format; no feed is not no trade.
// Method: bars of a Friday's last hours and of the Monday after, with windows left out and an outage.

const options = { timeout: 120_000 }
const MINUTE = 60_000
/** From 15:00 UTC of a Friday: until after-hours end at 01:00, then from Monday 09:00 on. */
const NIGHT_MINUTES = 10 * 60
const MONDAY_MINUTES = 66 * 60
const END_MINUTES = MONDAY_MINUTES + 90
const TRADED = [0, 1, 5, 6, 400, NIGHT_MINUTES - 1, MONDAY_MINUTES + 30, END_MINUTES - 2]
const RANGE = `symbol=AAPL,MSFT&from=${T0_MS}&to=${T0_MS + 90 * 86_400_000}`

type Row = Readonly<Record<string, unknown>>

function barAt(symbol: string, minute: number, parts: Partial<BarDocument> = {}): BarDocument {
  return aBar(symbol, '1m', MINUTE, minute, { close: 100 + minute, ...parts })
}

async function aMarket(t: Scope) {
  const { database, config } = await ownDatabase(t)
  await database.bars.insertMany([
    ...TRADED.map((minute) => barAt('AAPL', minute)),
    // One without a price, and one of a night.
    barAt('MSFT', 2),
    barAt('MSFT', 3, { open: null, high: null, low: null, close: null }),
    barAt('MSFT', NIGHT_MINUTES + 60)
  ])
  const watermark = { maxEventMs: 0, watermarkMs: T0_MS + END_MINUTES * MINUTE }
  await database.checkpoints.insertOne({
    _id: 'raw_data/0',
    state: { watermark }
  } as unknown as CheckpointDocument)
  await database.feedGaps.insertOne({
    _id: 'g',
    feed: 'simulated',
    from: new Date(T0_MS + 3 * MINUTE + 30_000),
    to: new Date(T0_MS + 5 * MINUTE),
    cause: 'closed',
    symbols: [],
    updatedAt: new Date(T0_MS)
  })
  const { get, url } = await runningApi(t, { uri: config.uri, database: config.database })
  await untilReady(get)
  const rows = async (query: string): Promise<{ bars: Row[]; next: string | null }> => {
    const { status, body } = await get(`/api/v1/bars?${query}`)
    assert.equal(status, 200, JSON.stringify(body))
    return body as never
  }
  return { database, get, url, rows }
}

/** The rows of a stream. */
async function lines(url: string, query: string): Promise<Row[]> {
  const answer = await fetch(`${url}/api/v1/bars?${query}&format=ndjson`)
  const text = await answer.text()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
}

const minuteOf = ({ time }: Row): number => (Number(time) - T0_MS) / MINUTE
const of = (symbol: string, rows: readonly Row[]) => rows.filter((row) => row['symbol'] === symbol)

describe('windows without a trade', options, () => {
  it('have rows within sessions, with null or the close before them', options, async (t) => {
    const { url, rows, database } = await aMarket(t)
    const before = await database.bars.countDocuments()
    const all = await lines(url, `${RANGE}&fill=carry`)
    const aapl = of('AAPL', all)
    const expected = [
      ...Array.from({ length: NIGHT_MINUTES }, (_, at) => at),
      ...Array.from({ length: 90 }, (_, at) => MONDAY_MINUTES + at)
    ]
    assert.deepEqual(aapl.map(minuteOf), expected)
    assert.deepEqual(aapl.filter(({ filled }) => filled === false).map(minuteOf), TRADED)
    for (const row of aapl) {
      const last = TRADED.findLast((minute) => minute <= minuteOf(row))
      assert.equal(row['close'], 100 + (last ?? NaN))
      if (row['filled'] === true) {
        const { open, volume, tradeCount, lastTradeAt } = row
        assert.deepEqual([open, volume, tradeCount, lastTradeAt], [row['close'], 0, 0, null])
      }
    }
    // No feed is not no trade.
    assert.deepEqual(
      [2, 3, 4].map((minute) => [aapl[minute]?.['coverage'], aapl[minute]?.['gapIds']]),
      [
        [1, []],
        [0.5, ['g']],
        [0, ['g']]
      ]
    )
    // From the first bar on, a bar of the night included, and none after the watermark.
    const msft = of('MSFT', all).map(minuteOf)
    assert.deepEqual([msft[0], msft.includes(NIGHT_MINUTES + 60)], [2, true])
    assert.equal(msft.length, aapl.length - 2 + 1)
    assert.equal(of('MSFT', all)[3]?.['close'], 102)
    const nulls = of('AAPL', await lines(url, `${RANGE}&fill=null`))
    assert.deepEqual(nulls.filter(({ close }) => close !== null).map(minuteOf), TRADED)
    assert.equal(nulls.length, aapl.length)
    // Whatever the order and the pages.
    const down = await lines(url, `${RANGE}&fill=carry&order=desc`)
    assert.deepEqual(down.toReversed(), all)
    for (const order of ['', '&order=asc', '&order=desc']) {
      const found: Row[] = []
      for (let next: string | null = ''; next !== null;) {
        const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`
        const page = await rows(`${RANGE}&fill=carry&limit=499${order}${after}`)
        if (order === '') found.unshift(...page.bars)
        else found.push(...page.bars)
        next = page.next
      }
      assert.deepEqual(order === '&order=desc' ? found.toReversed() : found, all)
    }
    assert.equal(await database.bars.countDocuments(), before)
    const csv = await (await fetch(`${url}/api/v1/bars?${RANGE}&fill=null&format=csv`)).text()
    assert.equal(csv.trimEnd().split('\n').length, all.length + 1)
    const parquet = await fetch(`${url}/api/v1/bars?${RANGE}&fill=null&format=parquet`)
    assert.ok((await parquet.arrayBuffer()).byteLength > 1000)
  })

  it('are filled for windows of stored seconds too', options, async (t) => {
    const { url, database } = await aMarket(t)
    const seconds = [0, 1, 200].map((second) =>
      aBar('AAPL', '1s', 1000, second, { exact: { ...exact(second), gaps: [] } })
    )
    await database.bars.insertMany(seconds)
    const query = `symbol=AAPL&from=${T0_MS}&to=${T0_MS + 600_000}&window=90s`
    const carried = await lines(url, `${query}&fill=carry`)
    assert.deepEqual(
      carried.map(({ time, close, filled }) => [(Number(time) - T0_MS) / 1000, close, filled]),
      [
        [0, 101, false],
        [90, 101, true],
        [180, 300, false],
        [270, 300, true],
        [360, 300, true],
        [450, 300, true],
        [540, 300, true]
      ]
    )
    assert.deepEqual((await lines(url, `${query}&fill=carry&order=desc`)).toReversed(), carried)
  })

  it('are refused for windows that trades close', options, async (t) => {
    const { get } = await aMarket(t)
    const { status, body } = await get('/api/v1/bars?timeframe=100t&fill=null')
    assert.equal(status, 400)
    assert.match(body.error?.message ?? '', /fill is 'null' for 100t, expected windows in time/)
  })
})

function exact(second: number) {
  const tMs = T0_MS + second * 1000
  const print = [tMs, 'c', 1, 100 + second]
  const sums = Array.from({ length: 9 }, () => 0)
  return { sums, priceCount: 1, first: print, last: print, fallback: null }
}
