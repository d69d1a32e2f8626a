import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Engine } from '@tapedeck/batch/testing'
import { findQuotes } from '@tapedeck/mongo'
import { Lake } from '@tapedeck/lake'
import { aTrade } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { runModule } from './run-module.ts'
import { simulatedRest } from './simulated-rest.ts'

const DEFINITION = path.resolve(import.meta.dirname, '../../../services/batch/rest/quotes.json')
const DATE = '2026-03-10'
const READ_MS = 10_000

describe('quotes beside the stream', () => {
  it(
    'are all kept in the lake, and compared with the trades before them',
    { timeout: 240_000 },
    async (t) => {
      const given = servers()
      const { database } = await ownDatabase(t, given)
      const folder = await temporaryFolder(t)
      const env = {
        TAPEDECK_DATA_DIR: folder,
        BATCH_DATE: DATE,
        MONGODB_URI: given.mongoUri,
        MONGODB_DB: given.database,
        ...(await simulatedRest(t)),
        SYMBOLS: 'AAPL,MSFT'
      }
      const capture = (more = {}) =>
        runModule(
          'capture-rest',
          { ...env, ...more },
          '--config',
          DEFINITION,
          '--output',
          'raw/quotes'
        )
      for (let i = 0; i < 3; i++) {
        const { code, output } = await capture()
        assert.equal(code, 0, output)
      }
      // A run that is refused loses nothing of what was there.
      assert.equal((await capture({ FINNHUB_TOKEN: 'other' })).code, 1)
      const lake = new Lake(path.join(folder, 'lake'))
      const published = await lake.read({ zone: 'raw', name: 'quotes', date: DATE })
      const files = published.files('answers')
      assert.equal(files.length, 3)
      const lines = await Promise.all(
        files.map(async (file) =>
          gunzipSync(await readFile(file))
            .toString()
            .trim()
            .split('\n')
        )
      )
      const answers = lines
        .flat()
        .map((line) => JSON.parse(line) as { symbol: string; target: string })
      assert.deepEqual(
        answers.map(({ symbol }) => symbol),
        ['AAPL', 'MSFT', 'AAPL', 'MSFT', 'AAPL', 'MSFT']
      )
      const { restSnapshots, trades } = database
      const stored = await restSnapshots.find().sort({ receivedAt: 1 }).toArray()
      assert.deepEqual(
        stored.map(({ symbol, target }) => ({ symbol, target })),
        answers.map(({ symbol, target }) => ({ symbol, target }))
      )

      // Each quote goes with the last trade of its own second that sets a price.
      const newest = stored.findLast(({ symbol }) => symbol === 'MSFT')
      const { c, t: second } = (newest?.body ?? {}) as { readonly c: number; readonly t: number }
      const at = (ms: number): Date => new Date(second * 1000 + ms)
      await trades.insertMany([
        aTrade('MSFT', 1, { price: 1, tradedAt: at(-5000) }),
        aTrade('MSFT', 2, { price: c + 1, tradedAt: at(999) }),
        aTrade('MSFT', 3, { price: 3, tradedAt: at(999), eligible: 'volume' }),
        aTrade('MSFT', 4, { price: 4, tradedAt: at(1000) })
      ])
      const quotes = await findQuotes(database, READ_MS)
      assert.deepEqual(
        quotes.map(({ symbol, price, trade }) => [symbol, price, trade?.price ?? null]),
        [
          ['AAPL', quotes[0]?.price, null],
          ['MSFT', c, c + 1]
        ]
      )
      assert.equal(quotes[1]?.quotedAt?.getTime(), second * 1000)

      // DuckDB reads the files as they are named, also one of several members.
      const engine = await Engine.open({ dir: lake.dir, memory: '256MB', threads: 1 })
      t.after(() => engine.close())
      await engine.viewLines('answers', files, ['symbol', 'body'])
      assert.deepEqual(await engine.rows('select count(*)::int as n from answers'), [{ n: 6 }])
    }
  )
})
