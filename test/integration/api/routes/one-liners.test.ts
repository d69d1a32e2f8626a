import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { BAR_COLUMNS } from '@tapedeck/mongo'
import { pythonWith } from '../../../support/foreign-programs.ts'
import { aBar, aTrade, T0_MS } from '../../../support/market-documents.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { temporaryFolder } from '../../../support/scope.ts'
import { runningApi, untilReady } from '../running-api.ts'

// Goal: the lines for pandas, polars and DuckDB in docs/history.md work as they stand there, with what PyPI has today.

const run = promisify(execFile)
const INSTALL_LIMIT_MS = 300_000
const DAY_MS = 86_400_000
/** The day of the document. */
const SHIFT_MS = Date.UTC(2026, 2, 10, 15) - T0_MS
const DOCUMENT = path.resolve(import.meta.dirname, '../../../../docs/history.md')

async function oneLiners(): Promise<string[]> {
  const lines = (await readFile(DOCUMENT, 'utf8')).split('\n')
  return lines.filter((line) => line.startsWith('    import ')).map((line) => line.trim())
}

describe('the one-liners of docs/history.md', { timeout: INSTALL_LIMIT_MS + 120_000 }, () => {
  it('read trades and bars into pandas, polars and DuckDB', async (t) => {
    const folder = await temporaryFolder(t)
    const python = await pythonWith(t, ['pandas', 'pyarrow', 'polars', 'duckdb'])
    const { database, config } = await ownDatabase(t)
    const at = (index: number): Date => new Date(T0_MS + SHIFT_MS + index * 1000)
    await database.trades.insertMany(
      Array.from({ length: 10 }, (_, index) =>
        aTrade('AAPL', index, { tradedAt: at(index), size: 2 })
      )
    )
    await database.bars.insertMany(
      [0, 60, 120].map((index) => aBar('AAPL', '1m', DAY_MS, index, { start: at(index) }))
    )
    const { url, get } = await runningApi(t, { uri: config.uri, database: config.database })
    await untilReady(get)
    const csv = await fetch(
      `${url}/api/v1/trades?symbol=AAPL&from=2026-03-10&to=2026-03-11&format=csv`
    )
    await writeFile(path.join(folder, 'trades.csv'), Buffer.from(await csv.arrayBuffer()))
    const lines = await oneLiners()
    assert.deepEqual(
      lines.map((line) => /^import (\w+)/.exec(line)?.[1]),
      ['pandas', 'polars', 'duckdb']
    )
    const expected = ['(10, 11)', `(3, ${BAR_COLUMNS.length})`, "[('AAPL', 20)]"]
    for (const [index, line] of lines.entries()) {
      const [load = '', ...rest] = line.split(';')
      const value = rest.join(';').trim().replace('http://127.0.0.1:8080', url)
      const shown = load === 'import duckdb' ? `(${value}).fetchall()` : `(${value}).shape`
      const { stdout } = await run(python, ['-c', `${load}\nprint(${shown})`], { cwd: folder })
      assert.equal(stdout.trim(), expected[index], line)
    }
  })
})
