import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { captureSql, Engine, trustSql } from '@tapedeck/batch/testing'
import { Mariadb, parseMariadbUrl } from '@tapedeck/mariadb'
import { Lake } from '@tapedeck/lake'
import { ownMariadb, type OwnMariadb } from '../../support/own-mariadb.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { until } from '../../support/until.ts'
import { lakeContext } from './lake-context.ts'
import { runModule } from './run-module.ts'

const options = { timeout: 240_000 }
const LIMIT_MS = 120_000
const DATE = '2026-03-10'

describe('capture of a relational source', () => {
  const scope = new OwnScope()
  let server: OwnMariadb
  let folder: string
  let env: Record<string, string>

  before(async () => {
    server = await ownMariadb(scope)
    folder = await temporaryFolder(scope)
    env = { LAKE_DIR: path.join(folder, 'lake'), MARIADB_URL: server.url, BATCH_DATE: DATE }
  }, options)
  after(() => scope.end())

  async function withDatabase<T>(work: (database: Mariadb) => Promise<T>): Promise<T> {
    const database = await Mariadb.open(parseMariadbUrl(server.url))
    try {
      return await work(database)
    } finally {
      await database.close()
    }
  }

  async function definition(name: string, queries: readonly object[]): Promise<string> {
    const file = path.join(folder, `${name}.json`)
    await writeFile(file, JSON.stringify({ url: { env: 'MARIADB_URL' }, queries }))
    return file
  }

  async function capture(name: string, queries: readonly object[]): Promise<void> {
    const configFile = await definition(name, queries)
    await captureSql(lakeContext(env, { date: DATE, output: `raw/${name}`, configFile }))
  }

  /** The same as a program. */
  async function runCapture(
    name: string,
    queries: readonly object[],
    more: Readonly<Record<string, string>> = {}
  ): ReturnType<typeof runModule> {
    const file = await definition(name, queries)
    const args = ['--config', file, '--output', `raw/${name}`]
    return runModule('capture-sql', { ...env, ...more }, ...args)
  }

  async function trust(name: string): Promise<void> {
    const inputs = [`raw/${name}`]
    await trustSql(lakeContext(env, { date: DATE, inputs, output: `trusted/${name}` }))
  }

  async function linesOf(output: string, table: string): Promise<Record<string, string | null>[]> {
    const { files } = await new Lake(env['LAKE_DIR'] ?? '').read({
      zone: 'raw',
      name: output,
      date: DATE
    })
    const text = gunzipSync(await readFile(files(table)[0] ?? '')).toString()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, string | null>)
  }

  async function trustedRows(
    output: string,
    table: string,
    select: string,
    order: string
  ): Promise<Record<string, unknown>[]> {
    const dir = env['LAKE_DIR'] ?? ''
    const { files } = await new Lake(dir).read({ zone: 'trusted', name: output, date: DATE })
    const engine = await Engine.open({ dir, memory: '256MB', threads: 1 })
    try {
      await engine.viewParquet('found', files(table))
      return await engine.rows(`select ${select} from found order by ${order}`)
    } finally {
      await engine.close()
    }
  }

  it('keeps every value exactly, and types it', options, async () => {
    const digits = (most: number): fc.Arbitrary<string> =>
      fc.bigInt({ min: -(10n ** BigInt(most)) + 1n, max: 10n ** BigInt(most) - 1n }).map(String)
    const day = fc
      .date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((one) => one.toISOString())
    const row = fc.record({
      d: fc.option(digits(38).map((text) => scaled(text, 10))),
      wide: fc.option(digits(65).map((text) => scaled(text, 30))),
      b: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
      u: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
      day: fc.option(day.map((text) => text.slice(0, 10))),
      at: fc.option(
        fc
          .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 999_999 }))
          .map(
            ([s, us]) =>
              `${new Date(s * 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(us).padStart(6, '0')}`
          )
      ),
      x: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
      t: fc.option(fc.string({ unit: 'binary', maxLength: 40 })),
      raw: fc.option(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64'))
      )
    })
    const rows = fc.sample(row, { numRuns: 150, seed: 52 })
    await withDatabase(async (database) => {
      await database.rows(
        'create table kinds (id int primary key, d decimal(38,10), wide decimal(65,30), b bigint, u bigint unsigned, ' +
          'day date, at timestamp(6) null, x double, t text, raw varbinary(100)) default charset = utf8mb4'
      )
      for (const [id, one] of rows.entries()) {
        await database.rows(
          'insert into kinds values (?, ?, ?, ?, ?, ?, ?, ?, ?, from_base64(?))',
          [
            String(id),
            one.d,
            one.wide,
            one.b,
            one.u,
            one.day,
            one.at,
            one.x === null ? null : String(one.x),
            one.t,
            one.raw
          ]
        )
      }
    })
    await capture('kinds', [
      { name: 'kinds', query: 'select * from kinds order by id', key: ['id'] }
    ])
    const lines = await linesOf('kinds', 'kinds')
    assert.equal(lines.length, rows.length)
    for (const [id, one] of rows.entries()) {
      const { x: _found, ...others } = lines[id] ?? {}
      const { x: _given, ...rest } = one
      assert.deepEqual(others, { id: String(id), ...rest })
    }
    await trust('kinds')
    const { manifest } = await new Lake(env['LAKE_DIR'] ?? '').read({
      zone: 'trusted',
      name: 'kinds',
      date: DATE
    })
    assert.deepEqual(
      manifest.tables[0]?.columns.map(({ type }) => type),
      [
        'BIGINT',
        'DECIMAL(38,10)',
        'VARCHAR',
        'BIGINT',
        'DECIMAL(20,0)',
        'DATE',
        'TIMESTAMP',
        'DOUBLE',
        'VARCHAR',
        'VARCHAR'
      ]
    )
    const found = await trustedRows(
      'kinds',
      'kinds',
      'id, d::varchar as d, wide, b::varchar as b, u::varchar as u, day::varchar as day, x, t, raw',
      'id'
    )
    for (const [id, { at: _at, ...one }] of rows.entries()) {
      const { id: _id, x, ...others } = found[id] ?? {}
      const { x: expected, ...rest } = one
      assert.deepEqual(others, rest)
      assert.equal(x === null ? null : Number(x), expected === null ? null : expected)
    }
  })

  it('keeps what does not fit beside the rest, with the reason', options, async () => {
    await withDatabase(async (database) => {
      await database.rows("set sql_mode = ''")
      await database.rows('create table odd (k varchar(10), day date, n int)')
      await database.rows(
        "insert into odd values ('a', '2026-03-10', 1), ('a', '2026-03-11', 2), (null, '2026-03-10', 3), " +
          "('z', '0000-00-00', 4), ('q', null, 5), ('b', '2026-03-10', null)"
      )
    })
    const query = { name: 'odd', table: 'odd', key: ['k'], required: ['n'] }
    await capture('odd', [query])
    await trust('odd')
    assert.deepEqual(await trustedRows('odd', 'odd', 'k, n', 'k'), [
      { k: 'a', n: '1' },
      { k: 'q', n: '5' }
    ])
    assert.deepEqual(await trustedRows('odd', 'rejects', 'reason, row_text', 'row_text'), [
      {
        reason: 'the key (k) stands in the capture more than once',
        row_text: 'k=a, day=2026-03-11, n=2'
      },
      { reason: 'n is missing', row_text: 'k=b, day=2026-03-10, n=null' },
      { reason: 'k is missing', row_text: 'k=null, day=2026-03-10, n=3' },
      { reason: 'day is 0000-00-00, expected a date', row_text: 'k=z, day=0000-00-00, n=4' }
    ])
  })

  /** A table whose last row takes long to read, and whether a capture reads it. */
  async function slowTable(database: Mariadb, name: string, rows: number): Promise<object> {
    await database.rows(`create table ${name} (id int primary key, body varchar(200))`)
    const values = Array.from({ length: rows }, (_, id) => `(${id}, repeat('x', 200))`)
    await database.rows(`insert into ${name} values ${values.join(', ')}`)
    const query = `select id, body, if(id = ${rows - 1}, sleep(3), 0) as waited from ${name}`
    return { name, query, key: ['id'] }
  }

  async function isRead(database: Mariadb, name: string): Promise<boolean> {
    const [found] = await database.rows(
      'select count(*) as n from information_schema.processlist where id <> connection_id() and info like ?',
      [`select id, body, if(%from ${name}`]
    )
    return found?.['n'] === '1'
  }

  it('is of one moment, whatever is written meanwhile', options, async () => {
    await withDatabase(async (database) => {
      const slow = await slowTable(database, 'slow', 10)
      await database.rows('create table late (id int primary key)')
      await database.rows('insert into late values (1)')
      const running = capture('moment', [slow, { name: 'late', table: 'late', key: ['id'] }])
      await until('the first query', () => isRead(database, 'slow'), LIMIT_MS)
      await database.rows('insert into late values (2)')
      await running
    })
    assert.deepEqual(await linesOf('moment', 'late'), [{ id: '1' }])
  })

  it(
    'publishes nothing of a database that is killed, and all of it afterwards',
    options,
    async () => {
      const query = await withDatabase((database) => slowTable(database, 'killed', 20_000))
      const lake = new Lake(env['LAKE_DIR'] ?? '')
      const part = { zone: 'raw', name: 'killed', date: DATE } as const
      const running = runCapture('killed', [query])
      await withDatabase((database) =>
        until('the query', () => isRead(database, 'killed'), LIMIT_MS)
      )
      const { pid } = server.server.current()
      assert.ok(pid !== undefined)
      process.kill(pid, 'SIGKILL')
      const failed = await running
      assert.equal(failed.code, 1, failed.output)
      assert.match(
        failed.output,
        /Cannot reach MariaDB at mysql:\/\/127\.0\.0\.1:\d+\/tapedeck: PROTOCOL_CONNECTION_LOST|ECONNRESET/
      )
      assert.equal(await lake.find(part), undefined)
      assert.deepEqual(await readdir(path.join(lake.dir, '.staging')), [])
      await until('a restart', () => server.server.current().pid !== pid, LIMIT_MS)
      await capture('killed', [query])
      assert.equal((await linesOf('killed', 'killed')).length, 20_000)
    }
  )

  it(
    'names a wrong password, a missing table and a name that the lake cannot have',
    options,
    async () => {
      const query = { name: 'odd', table: 'odd', key: ['k'] }
      const wrong = server.url.replace(/:[0-9a-f]+@/, ':not-the-password@')
      const refused = await runCapture('wrong', [query], { MARIADB_URL: wrong })
      assert.equal(refused.code, 2, refused.output)
      assert.match(
        refused.output,
        /Access denied for user 'tapedeck'.*expected a user, password and database/
      )
      assert.ok(!refused.output.includes('not-the-password'))
      const cases = {
        "Table 'tapedeck.none' doesn't exist": { name: 'none', table: 'none', key: ['k'] },
        "a column is called 'count\\(\\*\\)'": {
          name: 'c',
          query: 'select count(*), 1 as k',
          key: ['k']
        },
        'no column id found, expected one of k, day, n': { ...query, key: ['id'] }
      }
      for (const [message, one] of Object.entries(cases)) {
        await assert.rejects(capture('wrong', [one]), {
          code: 'CONFIG_INVALID',
          message: new RegExp(message)
        })
      }
    }
  )
})

/** The digits of a whole number with a point before the last ones. */
function scaled(text: string, scale: number): string {
  const [, sign = '', digits = ''] = /^(-?)(\d+)$/.exec(text) ?? []
  const padded = digits.padStart(scale + 1, '0')
  const value = `${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  return /[1-9]/.test(value) ? sign + value : value
}
