import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { barRow, tradeRow } from '@tapedeck/mongo'
import { readParquet, type Row } from '@tapedeck/table'
import { tableFromIPC } from 'apache-arrow'
import { parse } from 'csv-parse/sync'
import { aBar, aTrade, T0_MS } from '../../../support/market-documents.ts'
import { eventually } from '../../../support/eventually.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { temporaryFolder, type Scope } from '../../../support/scope.ts'
import { programOf, runTool } from '../run-tool.ts'

// Goal: an export has every stored row of its range once, in order, in every format; a file under the name that was
// asked for is always complete.

const RANGE = ['--from', '2025-01-31', '--to', '2025-01-31']

async function aFolderAndEnv(t: Scope) {
  const { database, config } = await ownDatabase(t)
  const folder = await temporaryFolder(t)
  const env = { MONGODB_URI: config.uri, MONGODB_DB: config.database }
  return { database, folder, env }
}

const manyTrades = Array.from({ length: 9000 }, (_, at) =>
  aTrade(at % 3 === 0 ? 'MSFT' : 'AAPL', at, {
    _id: `c-${at}-0`,
    conditions: at % 2 === 0 ? null : ['1']
  })
)

async function parquetTimes(file: string): Promise<number[]> {
  const times: number[] = []
  for await (const rows of readParquet(file))
    times.push(...rows.map(({ time }) => (time as Date).getTime()))
  return times
}

const TIMES: Readonly<Record<string, (file: string) => Promise<number[]>>> = {
  ndjson: async (file) =>
    (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { time: number }).time),
  csv: async (file) =>
    (parse(await readFile(file), { columns: true }) as { time: string }[]).map(({ time }) =>
      Number(time)
    ),
  parquet: parquetTimes,
  arrow: async (file) =>
    tableFromIPC(await readFile(file))
      .toArray()
      .map(({ time }: Row) => Number(time))
}

describe('npm run export', { timeout: 120_000 }, () => {
  it('writes the trades of symbols and trading dates, in order, in every format', async (t) => {
    const { database, folder, env } = await aFolderAndEnv(t)
    const other = aTrade('AAPL', 24 * 3_600_000, { _id: 'next-1-0' })
    await database.trades.insertMany([...manyTrades, other, aTrade('TSLA', 5)])
    const expected = manyTrades.map(({ tradedAt }) => tradedAt.getTime())
    for (const [format, timesOf] of Object.entries(TIMES)) {
      const out = path.join(folder, `trades.${format}`)
      const run = await runTool('export', env, '--symbol', 'AAPL,MSFT', ...RANGE, '--out', out)
      assert.equal(run.code, 0, run.output)
      assert.match(run.result, /: 9000 rows, \d+ rows\/s\n$/)
      assert.deepEqual(await timesOf(out), expected)
    }
  })

  it('writes rows as the api has them, of trades and of bars, and only the fields that are asked for', async (t) => {
    const { database, folder, env } = await aFolderAndEnv(t)
    const bars = [aBar('AAPL', '1m', 60_000, 0), aBar('AAPL', '1m', 60_000, 1)]
    const trades = manyTrades.slice(0, 5)
    await Promise.all([database.trades.insertMany(trades), database.bars.insertMany(bars)])
    const lines = async (...args: string[]): Promise<unknown[]> => {
      const out = path.join(folder, `${args.length}.ndjson`)
      const run = await runTool('export', env, ...RANGE, '--out', out, ...args)
      assert.equal(run.code, 0, run.output)
      return (await readFile(out, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
    }
    const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
    assert.deepEqual(await lines(), asJson(trades.map(tradeRow)))
    assert.deepEqual(await lines('--what', 'bars'), asJson(bars.map(barRow)))
    const [first] = await lines('--what', 'bars', '--fields', 'time,close,time')
    assert.deepEqual(first, { time: T0_MS, close: 101 })
  })

  it('leaves an existing file alone unless forced, and names every mistake', async (t) => {
    const { database, folder, env } = await aFolderAndEnv(t)
    await database.trades.insertMany(manyTrades.slice(0, 2))
    const out = path.join(folder, 'trades.csv')
    await writeFile(out, 'mine')
    const refused = await runTool('export', env, ...RANGE, '--out', out)
    assert.equal(refused.code, 2)
    assert.match(refused.output, /exists, expected a new file, or --force/)
    assert.equal(await readFile(out, 'utf8'), 'mine')
    assert.equal((await runTool('export', env, ...RANGE, '--out', out, '--force')).code, 0)
    assert.match(await readFile(out, 'utf8'), /^id,symbol,time/)
    const wrong = await runTool('export', env, ...RANGE, '--fields', 'prize', '--timeframe', '1m')
    assert.equal(wrong.code, 2)
    assert.match(wrong.output, /--fields prize found, expected some of id, .*did you mean price\?/)
    assert.match(wrong.output, /--out is missing/)
    assert.match(wrong.output, /--timeframe found without --what bars/)
  })

  it('leaves no file that looks complete when it is killed', async (t) => {
    const { database, folder, env } = await aFolderAndEnv(t)
    const copies = Array.from({ length: 8 }, (_, copy) =>
      manyTrades.map((one) => ({ ...one, _id: `${copy}${one._id}` }))
    )
    for (const part of copies) await database.trades.insertMany(part, { ordered: false })
    const out = path.join(folder, 'trades.parquet')
    const args = [programOf('export'), ...RANGE, '--out', out]
    const child = spawn(process.execPath, args, { env: { PATH: '', ...env }, stdio: 'ignore' })
    t.after(() => child.kill('SIGKILL'))
    await eventually(async () =>
      assert.deepEqual(await readdir(folder), ['trades.parquet.partial'])
    )
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.deepEqual(await readdir(folder), ['trades.parquet.partial'])
    const again = await runTool('export', env, ...RANGE, '--out', out)
    assert.equal(again.code, 0, again.output)
    assert.deepEqual(await readdir(folder), ['trades.parquet'])
    assert.equal((await parquetTimes(out)).length, 72_000)
  })
})
