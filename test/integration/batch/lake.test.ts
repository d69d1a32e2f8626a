import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Engine } from '@tapedeck/batch/testing'
import { startConsumer } from '@tapedeck/consumer'
import { Lake, openLake, publicationName } from '@tapedeck/lake'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { ownS3 } from '../../support/own-s3.ts'
import { allStored, DATE, disorderedTape, TIMEFRAMES } from '../tools/disordered-tape.ts'
import { OwnScope, temporaryFolder, type Scope } from '../../support/scope.ts'
import { runningApi } from '../api/running-api.ts'
import { runModule, runProgram } from './run-module.ts'

const options = { timeout: 240_000 }

interface LakeMarket extends Market {
  readonly lakeDir: string
  module(name: string, ...args: string[]): ReturnType<typeof runModule>
}

/** A market whose disordered tape is stored, and the lake beside it. */
async function stored(scope: Scope): Promise<LakeMarket> {
  const market = await openMarket(scope)
  const records = disorderedTape(1500, 11)
  await market.publish(records)
  const consuming = new OwnScope()
  await inService(consuming, (context) =>
    startConsumer(market.consumer({ TIMEFRAMES, LATENESS_LIMIT: '30m' }), context)
  )
  await allStored(market, records)
  await consuming.end()
  const lakeDir = path.join(market.env['TAPEDECK_DATA_DIR'] ?? '', 'lake')
  const env = { ...market.env, BATCH_DATE: DATE }
  return { ...market, lakeDir, module: (name, ...args) => runModule(name, env, ...args) }
}

async function digestOfFile(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}

async function succeed(market: LakeMarket, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { code, output } = await market.module(name)
    assert.equal(code, 0, output)
  }
}

async function published(market: LakeMarket, zone: 'raw' | 'trusted' | 'refined', name: string) {
  return new Lake(market.lakeDir).read({ zone, name, date: DATE })
}

/** The rows of a query over a published table. */
async function query(t: TestContext, market: LakeMarket, files: readonly string[], text: string) {
  const engine = await Engine.open({ dir: market.lakeDir, memory: '512MB', threads: 1 })
  t.after(() => engine.close())
  await engine.viewParquet('found', files)
  return engine.rows(text)
}

describe('the lake', () => {
  const scope = new OwnScope()
  let market: LakeMarket
  before(async () => {
    market = await stored(scope)
  }, options)
  after(() => scope.end())

  it('has the trades of MongoDB, and their minutes are its bars', options, async (t) => {
    await succeed(market, 'capture-tape', 'trust-tape', 'refine-tape')
    const { trades, bars } = market.database
    const trusted = await published(market, 'trusted', 'tape')
    const count = await trades.countDocuments({ tradeDate: DATE })
    assert.ok(count > 500)
    const { facts, tables } = trusted.manifest
    assert.equal(facts['mongoTrades'], count)
    assert.equal(facts['trades'], count)
    assert.ok(Number(facts['notInBars']) > 10)
    assert.deepEqual(facts['checkedTimeframes'], ['1d', '1h', '1m', '1s', '5s'])
    assert.equal(tables.find(({ name }) => name === 'trades')?.rows, count)

    const refined = await published(market, 'refined', 'daily')
    const minutes = await query(
      t,
      market,
      refined.files('minutes'),
      `select symbol, unix_millis(minute) as start, open::double as open, high::double as high, low::double as low,
        close::double as close, volume::double as volume, notional::double as notional, trade_count from found`
    )
    const expected = await bars.find({ timeframe: '1m', tradeDate: DATE }).toArray()
    assert.equal(minutes.length, expected.length)
    const found = new Map(minutes.map((row) => [`${row['symbol']}|${row['start']}`, row]))
    for (const bar of expected) {
      const row = found.get(`${bar.symbol}|${bar.start.getTime()}`)
      assert.ok(row !== undefined, bar._id)
      const { open, high, low, close, tradeCount } = bar
      assert.deepEqual(
        [row['open'], row['high'], row['low'], row['close'], Number(row['trade_count'])],
        [open, high, low, close, tradeCount],
        bar._id
      )
      for (const name of ['volume', 'notional'] as const) {
        assert.ok(Math.abs(Number(row[name]) - bar[name]) <= 1e-9 * Math.max(1, bar[name]), bar._id)
      }
    }
  })

  it('is the same in an object store', { timeout: 600_000 }, async (t) => {
    const steps = {
      'capture-tape': 'raw/tape',
      'trust-tape': 'trusted/tape',
      'refine-tape': 'refined/daily',
      report: 'refined/report'
    }
    const folder = new Lake(market.lakeDir)
    for (const [step, name] of Object.entries(steps)) {
      const isThere = (await folder.find({ ...publicationName(name), date: DATE })) !== undefined
      if (!isThere) await succeed(market, step)
    }
    const server = await ownS3(t)
    const dir = await temporaryFolder(t)
    const env = { ...market.env, ...server.env, BATCH_DATE: DATE, LAKE_DIR: dir }
    for (const step of Object.keys(steps)) {
      const { code, output } = await runModule(step, env)
      assert.equal(code, 0, output)
      if (step === 'report') assert.match(output, /s3:\/\/tape-lake\/.*\/reports\/2026-03-10.html/)
    }
    // Nothing of what another program has copied or left here is needed.
    const lake = openLake(server.location(await temporaryFolder(t)))
    for (const name of Object.values(steps)) {
      const part = { ...publicationName(name), date: DATE }
      const [there, here] = [await lake.read(part), await folder.read(part)]
      for (const { name: table, rows } of here.manifest.tables) {
        const found = there.manifest.tables.find((one) => one.name === table)
        assert.equal(found?.rows, rows, `${name} ${table}`)
        if (name === 'refined/report') continue
        const digests = await Promise.all(
          [there, here].map(({ files }) => Promise.all(files(table).map(digestOfFile)))
        )
        assert.deepEqual(digests[0], digests[1], `${name} ${table}`)
      }
    }
    const api = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: { ...server.env, LAKE_DIR: await temporaryFolder(t) }
    })
    const { body } = await api.get('/api/v1/batch/reports')
    const reports = body['reports'] as readonly { readonly date: string }[]
    assert.deepEqual(
      reports.map((one) => one.date),
      [DATE]
    )
    const html = await (await fetch(`${api.url}/api/v1/batch/reports/${DATE}`)).text()
    assert.match(html, /Tuesday, March 10, 2026[^]*MSFT/)
    const left = await readdir(dir)
    assert.deepEqual(left.toSorted(), ['.copies', '.staging'])
    assert.deepEqual(await readdir(path.join(dir, '.staging')), [])
  })

  it('backfills dates by the nightly sequence, and names those that fail', options, async () => {
    const program = path.resolve(import.meta.dirname, '../../../services/batch/src/batch-main.ts')
    const range = ['--from', '2026-03-10', '--to', '2026-03-10']
    const { code, output } = await runProgram(program, market.env, 'backfill', ...range)
    assert.equal(code, 0, output)
    assert.match(output, /1 of 1 dates succeeded/)
    const report = await published(market, 'refined', 'report')
    assert.match(report.manifest.run, /^nightly@/)
    const html = await readFile(path.join(market.lakeDir, `reports/${DATE}.html`), 'utf8')
    assert.match(html, /Tuesday, March 10, 2026[^]*MSFT/)
    // Scripts, styles and images all are in the file.
    assert.doesNotMatch(html, /(src|href)=|https?:|@import|<script/)
    const folder = path.join(market.lakeDir, '..', 'jobs')
    await mkdir(path.join(folder, 'etl_sequences'), { recursive: true })
    const modules = { no: { cmd: ['node', '-e', 'process.exit(1)'] } }
    await writeFile(path.join(folder, 'modules.json'), JSON.stringify(modules))
    await writeFile(path.join(folder, 'etl_sequences/bad.json'), '[{ "module_name": "no" }]')
    const env = { ...market.env, BATCH_DIR: folder }
    const failed = await runProgram(program, env, 'backfill', ...range, '--job', 'bad')
    assert.equal(failed.code, 1, failed.output)
    assert.match(failed.output, /0 of 1 dates succeeded; failed: 2026-03-10/)
  })

  it('replaces a date that is run again and never doubles it', options, async () => {
    const all = ['capture-tape', 'trust-tape', 'refine-tape']
    await succeed(market, ...all)
    const earlier = await published(market, 'trusted', 'tape')
    await succeed(market, ...all)
    const later = await published(market, 'trusted', 'tape')
    assert.notEqual(later.manifest.version, earlier.manifest.version)
    assert.deepEqual(
      later.manifest.tables.map(({ name, rows }) => [name, rows]),
      earlier.manifest.tables.map(({ name, rows }) => [name, rows])
    )
    const digests = ({ manifest }: typeof later) =>
      manifest.tables.flatMap(({ files }) => files.map(({ sha256 }) => sha256))
    assert.deepEqual(digests(later), digests(earlier))
  })

  it(
    'fails with the difference where bars and trades differ, and publishes nothing',
    options,
    async () => {
      await succeed(market, 'capture-tape', 'trust-tape')
      const earlier = await published(market, 'trusted', 'tape')
      const { trades } = market.database
      const lost = await trades.findOne({ symbol: 'AAPL', tradeDate: DATE, conditions: ['1'] })
      assert.ok(lost !== null)
      await trades.deleteOne({ _id: lost._id })
      await succeed(market, 'capture-tape')
      const { code, output } = await market.module('trust-tape')
      assert.equal(code, 1, output)
      assert.match(output, /AAPL 1m: \d+ trades in the lake, \d+ in the bars \(-1\)/)
      assert.deepEqual((await published(market, 'trusted', 'tape')).manifest, earlier.manifest)
      await trades.insertOne(lost)
    }
  )

  it('keeps a trade that does not fit beside the others, with the reason', options, async (t) => {
    const { trades } = market.database
    const some = await trades.findOne({ symbol: 'MSFT', tradeDate: DATE })
    assert.ok(some !== null)
    await trades.insertMany([
      { ...some, _id: 'by-hand-1', price: NaN },
      { ...some, _id: 'by-hand-2', size: -5 }
    ])
    await succeed(market, 'capture-tape', 'trust-tape')
    const trusted = await published(market, 'trusted', 'tape')
    assert.equal(trusted.manifest.facts['rejects'], 2)
    const rejects = await query(
      t,
      market,
      trusted.files('rejects'),
      'select id, reason from found order by id'
    )
    assert.deepEqual(rejects, [
      { id: 'by-hand-1', reason: 'price is NaN, expected a number from 1e-50 to 1e50, or 0' },
      { id: 'by-hand-2', reason: 'size is -5, expected a number from 1e-50 to 1e50, or 0' }
    ])
    await trades.deleteMany({ _id: /^by-hand/ })
  })

  it(
    'refuses a date without trades on which the exchanges were open, and names a holiday',
    options,
    async () => {
      const open = await market.module('capture-tape', '--date', '2026-03-05')
      assert.equal(open.code, 1)
      assert.match(open.output, /no trade of that date is stored, expected some/)
      for (const name of ['trades', 'bars'] as const) {
        await market.database[name].deleteMany({ symbol: 'BINANCE:BTCUSDT' })
      }
      const closed = await market.module('capture-tape', '--date', '2026-04-03')
      assert.equal(closed.code, 0, closed.output)
      assert.match(closed.output, /no trading: Good Friday/)
      const wrong = await market.module('capture-tape', '--date', '2026-13-01', '--output', 'x')
      assert.equal(wrong.code, 2)
    }
  )
})
