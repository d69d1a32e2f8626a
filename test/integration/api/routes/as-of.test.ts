import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { storeBars } from '@tapedeck/mongo'
import { eventually } from '../../../support/eventually.ts'
import { inService } from '../../../support/in-service.ts'
import { aBar, T0_MS } from '../../../support/market-documents.ts'
import { openMarket } from '../../../support/market.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { aRecord, aTrade, START_MS } from '../../../support/trades.ts'
import { runningApi, untilReady } from '../running-api.ts'

// Goal: a bar is answered as a reader found it at a time, whatever revised it since.
// Method: trades that come late through a real consumer, which is restarted in between.

const options = { timeout: 120_000 }
const RANGE = `symbol=AAPL&from=${START_MS}&to=${START_MS + 60_000}`
const ID = `AAPL|1m|${START_MS}`

type Row = Readonly<Record<string, unknown>>

async function asked(url: string, query: string): Promise<{ rows: Row[]; unknown: string | null }> {
  const answer = await fetch(`${url}/api/v1/bars?${query}`)
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  const { bars } = JSON.parse(text) as { bars: Row[] }
  return { rows: bars, unknown: answer.headers.get('tapedeck-unknown') }
}

const part = ({ status, revision, close, low, tradeCount, lateCount }: Row) => ({
  status,
  revision,
  close,
  low,
  tradeCount,
  lateCount
})

describe('bars as of a time', options, () => {
  it(
    'are as they were: not there before they were final, then with each revision',
    options,
    async (t) => {
      const market = await openMarket(t)
      const { bars } = market.database
      const consumer = () => inService(t, (context) => startConsumer(market.consumer(), context))
      const first = await consumer()
      const { get, url } = await runningApi(t, {
        uri: market.env['MONGODB_URI'] ?? '',
        database: market.env['MONGODB_DB'] ?? ''
      })
      await untilReady(get)
      const trade = (frame: number, second: number, p: number) =>
        aRecord({ frame, trades: [aTrade({ t: START_MS + second * 1000, p })] })
      /** What a reader finds now, and when that is. */
      const look = async (revision: number): Promise<{ ms: number; row: Row }> => {
        await eventually(async () => {
          const bar = await bars.findOne({ _id: ID, status: { $ne: 'provisional' } })
          assert.equal(bar?.revision, revision)
        })
        // With an order no answer is shared with a request of a moment before.
        const { rows } = await asked(url, `${RANGE}&order=asc`)
        return { ms: Date.now(), row: rows[0] ?? {} }
      }
      const beforeMs = Date.now()
      await market.publish([trade(1, 30, 101), trade(2, 71, 105)])
      const looks = [await look(0)]
      await market.publish([trade(3, 1, 99)])
      looks.push(await look(1))
      await first.stop()
      await consumer()
      await market.publish([trade(4, 40, 98)])
      looks.push(await look(2))
      await market.publishGap({ id: 'g', fromMs: START_MS + 10_000, toMs: START_MS + 20_000 })
      looks.push(await look(3))

      assert.deepEqual(
        looks.map(({ row }) => part(row)),
        [
          { status: 'final', revision: 0, close: 101, low: 101, tradeCount: 1, lateCount: 0 },
          { status: 'revised', revision: 1, close: 101, low: 99, tradeCount: 2, lateCount: 1 },
          { status: 'revised', revision: 2, close: 98, low: 98, tradeCount: 3, lateCount: 2 },
          { status: 'revised', revision: 3, close: 98, low: 98, tradeCount: 3, lateCount: 2 }
        ]
      )
      for (const { ms, row } of looks) {
        // Every field, in JSON and in another format.
        assert.deepEqual(await asked(url, `${RANGE}&as_of=${ms}`), { rows: [row], unknown: '0' })
        const line = await (
          await fetch(`${url}/api/v1/bars?${RANGE}&as_of=${ms}&format=ndjson`)
        ).text()
        assert.deepEqual(JSON.parse(line), row)
      }
      assert.deepEqual(await asked(url, `${RANGE}&as_of=${beforeMs}`), { rows: [], unknown: '0' })
      // A provisional bar is none, and nothing of this is in an answer without as_of.
      const open = `symbol=AAPL&from=${START_MS + 60_000}&to=${START_MS + 120_000}`
      assert.equal((await asked(url, open)).rows.length, 1)
      assert.equal((await asked(url, `${open}&as_of=${Date.now()}`)).rows.length, 0)
      assert.ok(!('versions' in (looks[3]?.row ?? {})))

      // As it is in a database of before: what it was is not known, and the answer says so.
      await bars.updateOne({ _id: ID }, { $unset: { versions: '' } })
      const [, , , last] = looks
      assert.deepEqual(await asked(url, `${RANGE}&as_of=${last?.ms}`), {
        rows: [last?.row],
        unknown: '0'
      })
      assert.deepEqual(await asked(url, `${RANGE}&as_of=${looks[0]?.ms}`), {
        rows: [],
        unknown: '1'
      })
    }
  )

  it(
    'keep the newest versions, each once, and refuse what they cannot answer',
    options,
    async (t) => {
      const { database, config } = await ownDatabase(t)
      const owner = { log: 'raw_data/0', epoch: 1 }
      const at = (revision: number) => new Date(T0_MS + 100_000 + revision * 1000)
      const bar = (revision: number) =>
        aBar('AAPL', '1m', 60_000, 0, {
          status: revision === 0 ? 'final' : 'revised',
          revision,
          close: 100 + revision,
          updatedAt: at(revision),
          source: { ...owner, offset: 10 + revision }
        })
      await storeBars(database, owner, { fresh: [bar(0)], changed: [] })
      for (let revision = 1; revision <= 30; revision++) {
        // The second time it is a repetition.
        await storeBars(database, owner, { fresh: [], changed: [bar(revision)] })
        await storeBars(database, owner, { fresh: [], changed: [bar(revision)] })
      }
      const stored = await database.bars.findOne({ _id: bar(0)._id })
      assert.deepEqual(
        stored?.versions?.map(({ revision }) => revision),
        Array.from({ length: 20 }, (_, index) => index + 10)
      )
      const { get, url } = await runningApi(t, { uri: config.uri, database: config.database })
      await untilReady(get)
      const range = `symbol=AAPL&from=${T0_MS}&to=${T0_MS + 60_000}`
      const closeAt = async (revision: number) => {
        const { rows, unknown } = await asked(url, `${range}&as_of=${at(revision).getTime() + 500}`)
        return [rows[0]?.['close'], unknown]
      }
      assert.deepEqual(await closeAt(30), [130, '0'])
      assert.deepEqual(await closeAt(17), [117, '0'])
      assert.deepEqual(await closeAt(9), [undefined, '1'])
      // One that was revised when it was first stored was never final before.
      await storeBars(database, owner, {
        fresh: [
          aBar('MSFT', '1m', 60_000, 0, { status: 'revised', revision: 1, updatedAt: at(5) })
        ],
        changed: []
      })
      const early = `symbol=MSFT&from=${T0_MS}&to=${T0_MS + 60_000}&as_of=${at(0).getTime()}`
      assert.deepEqual(await asked(url, early), { rows: [], unknown: '0' })
      for (const other of ['window=7m', 'fill=carry']) {
        const { status, body } = await get(`/api/v1/bars?as_of=${T0_MS}&${other}`)
        assert.equal(status, 400)
        assert.match(body.error?.message ?? '', /as_of is given beside (window|fill), expected/)
      }
    }
  )
})
