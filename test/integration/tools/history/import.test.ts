import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { BAR_FIELDS, recordsOf, type FrameTrade } from '@tapedeck/domain'
import { partitionEnds } from '@tapedeck/kafka'
import { eventually } from '../../../support/eventually.ts'
import { inService } from '../../../support/in-service.ts'
import { openMarket, type Market } from '../../../support/market.ts'
import { wholeNumbers } from '../../../support/random-numbers.ts'
import { temporaryFolder } from '../../../support/scope.ts'
import { programOf, runTool } from '../run-tool.ts'

// Goal: an imported day is the day that a feed would have sent: the same trades and bars; and each row of a file is
// stored exactly once, however often the import is repeated, and at whatever moment it is killed.

const options = { timeout: 240_000 }
const T0_MS = Date.UTC(2026, 2, 10, 14)
const TIMEFRAMES = '1s,1m,1d'

/** A disordered tape of three symbols over some minutes. */
function aTape(count: number, seed: number): FrameTrade[] {
  const random = wholeNumbers(seed)
  return Array.from({ length: count }, (_, at) => ({
    s: ['AAPL', 'MSFT', 'BINANCE:BTCUSDT'][random(3)] ?? 'AAPL',
    p: (10_000 + random(300)) / 100,
    t: T0_MS + at * 50 - random(4000),
    v: random(500),
    c: random(3) === 0 ? null : ['1', ...(random(4) === 0 ? ['12'] : [])],
    index: 0
  }))
}

function csvOf(tape: readonly FrameTrade[]): string {
  const lines = tape.map(({ s, p, t, v, c }) => [t, s, p, v, (c ?? []).join(';')].join(','))
  return ['Timestamp,Ticker,Price,Qty,Cond', ...lines, ''].join('\n')
}

async function aFile(t: TestContext, name: string, text: string): Promise<string> {
  const file = path.join(await temporaryFolder(t), name)
  await writeFile(file, text)
  return file
}

async function consuming(t: TestContext): Promise<Market> {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer({ TIMEFRAMES }), context))
  return market
}

async function stored({ database }: Market, count: number): Promise<void> {
  await eventually(async () => assert.equal(await database.trades.countDocuments(), count))
}

const COMPARED = Object.entries(BAR_FIELDS)
  .filter(([name, { origin }]) => (origin === 'trades' || name === '_id') && name !== 'feed')
  .map(([name]) => name)

async function barsOf({ database }: Market): Promise<unknown[]> {
  const found = await database.bars.find().sort({ _id: 1 }).toArray()
  return found.map((bar) =>
    COMPARED.map((name) => (bar as unknown as Record<string, unknown>)[name])
  )
}

describe('npm run import', () => {
  it('makes the trades and bars that a replay of the same tape makes', options, async (t) => {
    const tape = aTape(3000, 1)
    const [imported, replayed] = await Promise.all([consuming(t), consuming(t)])
    const frames = Array.from({ length: tape.length / 10 }, (_, frame) =>
      tape.slice(frame * 10, frame * 10 + 10).map((trade, index) => ({ ...trade, index }))
    )
    await replayed.publish(
      frames.flatMap((trades, at) =>
        recordsOf(trades, {
          feed: 'simulated',
          connection: 'tape',
          frame: at + 1,
          receivedAt: Date.now()
        })
      )
    )
    const file = await aFile(t, 'day.csv', csvOf(tape))
    const run = await runTool('import', imported.env, file)
    assert.equal(run.code, 0, run.output)
    assert.match(run.result, /3000 trades of 3 symbols/)
    assert.match(
      run.result,
      /time from Timestamp, symbol from Ticker, price from Price, size from Qty/
    )
    assert.match(run.result, /3000 are stored/)
    await Promise.all([stored(imported, 3000), stored(replayed, 3000)])
    await eventually(async () => {
      const [own, other] = await Promise.all([barsOf(imported), barsOf(replayed)])
      assert.ok(own.length > 200)
      assert.deepEqual(own, other)
    })
    const { database } = imported
    assert.deepEqual(await database.trades.distinct('feed'), ['imported'])
    const provenance = await database.imports.findOne()
    assert.equal(provenance?.file, file)
    assert.equal(provenance?.trades, 3000)
    assert.deepEqual(
      await database.trades.distinct('_id', { _id: new RegExp(`^(?!${provenance?._id}-)`) }),
      []
    )
  })

  it(
    'publishes nothing when the same file is imported again, and refuses it read in another way',
    options,
    async (t) => {
      const market = await consuming(t)
      const file = await aFile(t, 'day.csv', csvOf(aTape(300, 2)))
      const first = await runTool('import', market.env, file)
      assert.equal(first.code, 0, first.output)
      const ends = await partitionEnds(market.kafka)
      const copy = await aFile(t, 'copy.csv', await readFile(file, 'utf8'))
      const again = await runTool('import', market.env, copy)
      assert.equal(again.code, 0, again.output)
      assert.match(again.result, /imported already as .*day.csv at .*: nothing is published/)
      const other = await runTool('import', market.env, file, '--feed', 'other')
      assert.equal(other.code, 2)
      assert.match(other.output, /was imported with feed imported, .*found feed other/)
      assert.deepEqual(await partitionEnds(market.kafka), ends)
      assert.equal(await market.database.trades.countDocuments(), 300)
    }
  )

  it('stores every row once when it is killed and run again', options, async (t) => {
    const market = await consuming(t)
    const tape = aTape(60_000, 3)
    const file = await aFile(t, 'day.csv', csvOf(tape))
    const { PATH = '' } = process.env
    const args = [programOf('import'), file]
    const child = spawn(process.execPath, args, { env: { PATH, ...market.env }, stdio: 'ignore' })
    t.after(() => child.kill('SIGKILL'))
    await eventually(async () => {
      const found = await market.database.imports.findOne()
      assert.ok((found?.publishedFrames ?? 0) > 0)
      assert.equal(found?.doneAt, null)
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.equal((await market.database.imports.findOne())?.doneAt, null)
    const again = await runTool('import', market.env, file)
    assert.equal(again.code, 0, again.output)
    await stored(market, 60_000)
    await eventually(async () => {
      const [sum] = await market.database.bars
        .aggregate<{ trades: number }>([
          { $match: { timeframe: '1s' } },
          { $group: { _id: null, trades: { $sum: '$tradeCount' } } }
        ])
        .toArray()
      assert.equal(sum?.trades, 60_000)
    })
  })

  it(
    'names every row that is no trade with its line, keeps it in a file, and stores the others',
    options,
    async (t) => {
      const market = await consuming(t)
      const rows = [
        'time,price,size',
        `${T0_MS},10,1`,
        `${T0_MS},much,1`,
        'never,10,1',
        `${T0_MS},10`,
        `${T0_MS + 1},11,2`,
        `${T0_MS + 2},-1,2`
      ]
      const file = await aFile(t, 'rows.csv', rows.join('\n'))
      const tried = await runTool('import', market.env, file, '--symbol', 'AAPL', '--dry-run')
      assert.equal(tried.code, 1)
      await assert.rejects(access(`${file}.bad.ndjson`))
      assert.equal(await market.database.imports.countDocuments(), 0)
      const run = await runTool('import', market.env, file, '--symbol', 'AAPL')
      assert.equal(run.code, 1, run.output)
      assert.match(run.result, /^line 3: price is 'much', expected a number$/m)
      assert.match(run.result, /^line 4: time is 'never'/m)
      assert.match(run.result, /^line 5: /m)
      assert.match(run.result, /^line 7: price is not positive$/m)
      assert.match(run.result, /4 rows are no trades, kept in .*rows.csv.bad.ndjson/)
      const kept = (await readFile(`${file}.bad.ndjson`, 'utf8')).trimEnd().split('\n')
      assert.deepEqual(
        kept.map((line) => (JSON.parse(line) as { line: number }).line).toSorted((a, b) => a - b),
        [3, 4, 5, 7]
      )
      await stored(market, 2)
    }
  )

  it('imports what export wrote, in every format that both have', options, async (t) => {
    const source = await consuming(t)
    const tape = aTape(500, 4)
    const file = await aFile(
      t,
      'tape.ndjson',
      tape.map((one) => JSON.stringify({ ...one, index: undefined })).join('\n')
    )
    assert.equal((await runTool('import', source.env, file)).code, 0)
    const tradesOf = async ({ database }: Market): Promise<unknown[]> => {
      const found = await database.trades.find().toArray()
      return found
        .map(({ symbol, price, size, tradedAt, conditions }) =>
          JSON.stringify([symbol, price, size, tradedAt, conditions])
        )
        .toSorted()
    }
    for (const format of ['csv', 'ndjson', 'parquet']) {
      const out = path.join(await temporaryFolder(t), `out.${format}`)
      const range = ['--from', '2026-03-10', '--to', '2026-03-10']
      const written = await runTool('export', source.env, ...range, '--out', out)
      assert.equal(written.code, 0, written.output)
      const target = await consuming(t)
      const run = await runTool('import', target.env, out)
      assert.equal(run.code, 0, run.output)
      await stored(target, 500)
      assert.deepEqual(await tradesOf(target), await tradesOf(source))
    }
  })

  it(
    'refuses rows that go back further than the consumer allows, and says where',
    options,
    async (t) => {
      const market = await openMarket(t)
      const rows = ['time,symbol,price,size', `${T0_MS},A,1,1`, `${T0_MS - 7_200_000},B,1,1`]
      const file = await aFile(t, 'rows.csv', rows.join('\n'))
      const run = await runTool('import', { ...market.env, LATENESS_LIMIT: '1h' }, file)
      assert.equal(run.code, 2)
      assert.match(run.output, /line 3 lies 2 h behind an earlier one, expected 1 h at most/)
    }
  )
})
