import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Engine, SparkEngine } from '@tapedeck/batch/testing'
import { hasCode } from '@tapedeck/core'
import { temporaryFolder } from '../../../support/scope.ts'

const LIMIT_MS = 60_000
const LIMITS = { memory: '128MB', threads: 1 }

/**
 * Stands in for spark-sql: keeps its arguments and the script, and puts a given table in two parts wherever the script writes
 * one. What Spark makes of the statements is checked by `npm run test:spark`.
 */
const STAND_IN = `#!/usr/bin/env node
const { appendFileSync, copyFileSync, mkdirSync, readFileSync } = require('node:fs')
const home = process.env.SPARK_HOME
const script = readFileSync(process.argv[process.argv.indexOf('-f') + 1], 'utf8')
appendFileSync(home + '/runs', JSON.stringify({ args: process.argv.slice(2), script }) + '\\n')
if (script.includes('not_there')) {
  console.error('26/01/01 WARN Utils: a warning\\n[TABLE_OR_VIEW_NOT_FOUND] The table or view not_there cannot be found.\\n\\tat a stack')
  process.exit(1)
}
if (script.includes('endless')) setInterval(() => undefined, 1000)
for (const [, folder] of script.matchAll(/insert overwrite directory 'file:\\/\\/([^']+)'/g)) {
  mkdirSync(folder)
  for (const part of ['part-00001-b.parquet', 'part-00000-a.parquet']) copyFileSync(home + '/' + part, folder + '/' + part)
}
`

interface Run {
  readonly args: readonly string[]
  readonly script: string
}

async function sparkEngine(
  t: TestContext,
  signal = new AbortController().signal,
  limitMs = LIMIT_MS
) {
  const dir = await temporaryFolder(t)
  const home = path.join(dir, 'spark')
  const draft = path.join(dir, 'draft')
  await mkdir(path.join(home, 'bin'), { recursive: true })
  await mkdir(draft)
  await writeFile(path.join(home, 'bin/spark-sql'), STAND_IN)
  await chmod(path.join(home, 'bin/spark-sql'), 0o755)
  const duckdb = await Engine.open({ dir, ...LIMITS })
  for (const [name, n] of [['part-00000-a', 1] as const, ['part-00001-b', 2] as const]) {
    await duckdb.writeParquet(home, { name, query: `select ${n} as n`, view: undefined })
  }
  await duckdb.close()
  const spark = { home, master: 'spark://127.0.0.1:7077', limitMs }
  const engine = await SparkEngine.openWith({ dir, ...LIMITS }, spark, {
    name: 'a run',
    env: process.env,
    signal
  })
  t.after(() => engine.close())
  const runs = async (): Promise<Run[]> => {
    const text = await readFile(path.join(home, 'runs'), 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Run)
  }
  return { dir, home, draft, engine, runs }
}

describe('the engine of Spark', () => {
  it('runs all statements in one session when something is read', async (t) => {
    const { dir, draft, engine, runs } = await sparkEngine(t)
    const lines = path.join(dir, "a 'b' \\ .ndjson")
    await writeFile(lines, '{"id": "1", "start": 5}\n')
    await engine.viewLines('raw', [lines], ['id', 'at start'])
    await engine.viewLines('none', [], ['id'])
    await engine.keep('checked', 'select * from raw')
    await engine.writeParquet(draft, { name: 'rows', query: 'select * from checked', view: 'all' })
    assert.deepEqual(await runs(), [])
    const { files, rows } = await engine.readBack(draft, 'rows', [])
    // In the order of the parts, each of which has a row.
    assert.deepEqual(files, ['rows-00000.parquet', 'rows-00001.parquet'])
    assert.equal(rows, 2)
    assert.deepEqual((await readdir(draft)).toSorted(), files)
    assert.deepEqual(await engine.rows('select n from "all"'), [{ n: 1 }, { n: 2 }])
    assert.deepEqual(await engine.rows('select count(*)::integer as n from checked'), [{ n: 2 }])

    const [run, ...more] = await runs()
    assert.equal(more.length, 0)
    const { args = [], script = '' } = run ?? {}
    assert.deepEqual(args.slice(0, 4), ['--master', 'spark://127.0.0.1:7077', '--name', 'a run'])
    assert.ok(args.includes('spark.sql.session.timeZone=UTC'))
    const statements = script.trimEnd().split(';\n')
    assert.match(
      statements[0] ?? '',
      /^create or replace temporary view "raw_0" \("id" string, "start" string\) using json options \(path 'file:.*a \\'b\\' \\\\ \.ndjson', mode 'FAILFAST'\)$/
    )
    assert.equal(
      statements[1],
      'create or replace temporary view "raw" as select "id" as "id", "start" as "at" from "raw_0"'
    )
    assert.match(statements[2] ?? '', /as select cast\(null as string\) as "id" where false$/)
    assert.match(
      statements[3] ?? '',
      /using parquet options \(compression 'zstd'\) select \* from raw$/
    )
    assert.match(statements[4] ?? '', /temporary view "checked" as select \* from parquet\."file:/)
    assert.match(statements[5] ?? '', /select \* from checked$/)
  })

  it('tells a later session of every view, and of tables where they are by then', async (t) => {
    const { draft, engine, runs } = await sparkEngine(t)
    await engine.viewQuery('the_date', `select '2026-03-10' as trade_date`)
    await engine.writeParquet(draft, { name: 'first', query: 'select 1', view: 'first' })
    await engine.rows('select 1')
    await engine.rows('select 2')
    await engine.writeParquet(draft, { name: 'second', query: 'select 2', view: undefined })
    await engine.readBack(draft, 'second', [])
    const [, second, ...more] = await runs()
    assert.equal(more.length, 0)
    const { script = '' } = second ?? {}
    assert.match(script, /view "the_date" as select '2026-03-10'/)
    assert.ok(script.includes(`parquet."file://${draft}/first-00000.parquet" union all`))
    assert.doesNotMatch(script, /select 1;/)
  })

  it('has one file of the name of the table when Spark wrote one part', async (t) => {
    const { home, draft, engine } = await sparkEngine(t)
    const text = STAND_IN.replace(`'part-00001-b.parquet', `, '')
    await writeFile(path.join(home, 'bin/spark-sql'), text)
    await engine.writeParquet(draft, { name: 'rows', query: 'select 1', view: undefined })
    assert.deepEqual((await engine.readBack(draft, 'rows', [])).files, ['rows.parquet'])
  })

  it('fails with the error that Spark names', async (t) => {
    const { draft, engine } = await sparkEngine(t)
    await engine.writeParquet(draft, { name: 'a', query: 'select * from not_there', view: 'a' })
    await assert.rejects(engine.rows('select * from a'), (error: Error) => {
      assert.ok(hasCode(error, 'SERVER_FAILED'))
      assert.match(error.message, /: \[TABLE_OR_VIEW_NOT_FOUND\] The table or view not_there/)
      return true
    })
  })

  it('stops Spark when it is told to stop', async (t) => {
    const stop = new AbortController()
    const { draft, engine } = await sparkEngine(t, stop.signal)
    await engine.writeParquet(draft, { name: 'a', query: 'select * from endless', view: 'a' })
    const reading = engine.rows('select * from a')
    stop.abort()
    await assert.rejects(reading, (error) => hasCode(error, 'ABORTED'))
  })

  it('ends Spark at its limit, and says that no worker has taken its work', async (t) => {
    const { home, draft, engine } = await sparkEngine(t, undefined, 3000)
    const warning = 'WARN TaskSchedulerImpl: Initial job has not accepted any resources; check'
    await writeFile(
      path.join(home, 'bin/spark-sql'),
      `#!/bin/sh\necho '${warning}' >&2\nexec sleep 600\n`
    )
    await engine.writeParquet(draft, { name: 'a', query: 'select 1', view: 'a' })
    await assert.rejects(engine.rows('select * from a'), (error: Error) => {
      assert.ok(hasCode(error, 'TIMED_OUT'))
      assert.match(
        error.message,
        /after 3 s \(SPARK_LIMIT\): no worker of spark:\/\/127\.0\.0\.1:7077 has taken its work/
      )
      return true
    })
  })

  it('says what is missing where there is no Spark', async (t) => {
    const dir = await temporaryFolder(t)
    const spark = { home: path.join(dir, 'nowhere'), master: undefined, limitMs: LIMIT_MS }
    const run = { name: 'a run', env: process.env, signal: new AbortController().signal }
    const engine = await SparkEngine.openWith({ dir, ...LIMITS }, spark, run)
    t.after(() => engine.close())
    await engine.keep('a', 'select 1')
    await assert.rejects(engine.rows('select * from a'), (error: Error) => {
      assert.ok(hasCode(error, 'SERVER_MISSING'))
      assert.match(error.message, /nowhere\/bin\/spark-sql, expected a Spark 4: set SPARK_HOME/)
      return true
    })
  })
})
