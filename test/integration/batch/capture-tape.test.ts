import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { captureTape } from '@tapedeck/batch/testing'
import { hasCode } from '@tapedeck/core'
import { Lake } from '@tapedeck/lake'
import { BSON, jsonOf } from '@tapedeck/mongo/testing'
import { seedMarket } from '../../support/infinity-emulator-seed.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'

const options = { timeout: 120_000 }
const DATE = '2026-03-10'
const FROM_MS = Date.parse(`${DATE}T14:30:00Z`)
const MINUTE_MS = 60_000

/** A capture of the date at that moment, of ten minutes of trades, one a second. */
async function capturing(t: TestContext) {
  const { database } = await ownDatabase(t)
  const toMs = FROM_MS + 10 * MINUTE_MS
  await seedMarket(database, { symbol: 'AAPL', basePrice: 230, fromMs: FROM_MS, toMs })
  const dir = await temporaryFolder(t)
  const said: string[] = []
  const context = {
    lake: { dir, memory: '256MB', threads: 1 },
    run: 'by-hand',
    attempt: 1,
    date: DATE,
    store: new Lake(dir),
    terminal: {
      write: (text: string) => void said.push(text),
      note: () => undefined,
      progress: () => undefined
    },
    signal: new AbortController().signal,
    inputs: [],
    output: 'raw/tape',
    configFile: undefined,
    env: {}
  }
  return {
    database,
    dir,
    said,
    at: (nowMs: number) => captureTape(database, context, { nowMs })
  }
}

describe('captureTape()', options, () => {
  it('captures a date that goes on up to two minutes ago, and says that it is not whole', async (t) => {
    const { at } = await capturing(t)
    const { facts, tables } = await at(FROM_MS + 10 * MINUTE_MS + 30_000)
    const untilMs = FROM_MS + 8 * MINUTE_MS
    assert.equal(facts['isWhole'], false)
    assert.deepEqual(facts['until'], { AAPL: untilMs })
    assert.equal(tables.find(({ name }) => name === 'trades')?.rows, 8 * 60)

    const whole = await at(Date.parse('2026-03-11T14:00:00Z'))
    assert.equal(whole.facts['isWhole'], true)
    assert.equal(whole.tables.find(({ name }) => name === 'trades')?.rows, 10 * 60)
  })

  it('says when to come again to a date whose trades are younger than that', async (t) => {
    const { at, said } = await capturing(t)
    await assert.rejects(at(FROM_MS + 90_000), (error) => {
      assert.ok(hasCode(error, 'STATE_CORRUPT'))
      assert.match(error.message, /its 90 trades are of the last 2 minutes/)
      assert.match(error.message, /run it again after 2026-03-10T14:34:00Z$/)
      return true
    })
    assert.deepEqual(said, [])
    const { facts, tables } = await at(Date.parse('2026-03-10T14:34:00Z'))
    assert.equal(facts['isWhole'], false)
    assert.equal(tables.find(({ name }) => name === 'trades')?.rows, 120)
  })

  it('copies each document as it is stored, of whatever kinds its values are', async (t) => {
    const { at, database, dir } = await capturing(t)
    const other = { _id: 'other', symbol: 'AAPL', tradedAt: new Date(FROM_MS + 30_500) }
    const values = {
      price: new BSON.Decimal128('230.15'),
      size: BSON.Long.fromBigInt(2n ** 60n),
      few: BSON.Long.fromNumber(7),
      numbers: [0.1, -0, 1e-7, 1e21, NaN, -Infinity, 12_345.678, 5],
      texts: ['币安人生USDT', 'a "quoted" line\n', ''],
      nested: { empty: {}, list: [[], [{ at: new Date(-1) }]], 10: 'x', none: null, is: true }
    }
    await database.trades.insertOne({ ...other, ...values } as never)
    const { tables } = await at(Date.parse('2026-03-11T14:00:00Z'))
    const trades = tables.find(({ name }) => name === 'trades')
    assert.equal(trades?.rows, 10 * 60 + 1)
    assert.deepEqual(trades.extents['tradedAt'], [
      '2026-03-10T14:30:00.250Z',
      '2026-03-10T14:39:59.250Z'
    ])
    const stored = await database.trades.find({}, { sort: { tradedAt: 1 } }).toArray()
    const published = await new Lake(dir).read({ zone: 'raw', name: 'tape', date: DATE })
    const [file = ''] = published.files('trades')
    assert.equal(
      gunzipSync(await readFile(file)).toString(),
      stored.map((document) => `${jsonOf(document)}\n`).join('')
    )
  })
})
