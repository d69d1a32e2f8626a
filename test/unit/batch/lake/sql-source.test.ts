import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSqlSource } from '@tapedeck/batch/testing'

const url = { env: 'MARIADB_URL' }
const env = { MARIADB_URL: 'mysql://ada:pw@db/books', OTHER_URL: 'mysql://ada:pw@other/books' }

describe('readSqlSource()', () => {
  it('reads tables and queries, and the address by the name of its variable', () => {
    const queries = [
      { name: 'positions', table: 'books.positions', key: ['portfolio', 'symbol'] },
      { name: 'open', query: 'SELECT id FROM t WHERE day <= {date};', key: ['id'], required: ['n'] }
    ]
    const found = readSqlSource('x.json', JSON.stringify({ url, queries }), env)
    assert.equal(found.database?.host, 'db')
    assert.deepEqual(
      found.queries.map(({ text }) => text),
      ['select * from `books`.`positions`', 'SELECT id FROM t WHERE day <= {date}']
    )
    const other = JSON.stringify({ url: { env: 'OTHER_URL' }, queries })
    assert.equal(readSqlSource('x.json', other, env).database?.host, 'other')
    assert.equal(readSqlSource('x.json', other, {}).database, undefined)
  })

  it('names every mistake of a definition at once', () => {
    const queries = [
      { name: 'A b', table: 'x;y', key: [] },
      { name: 'two', table: 'x', query: 'select 1', key: ['a b'] },
      { name: 'two', query: 'delete from x', key: ['a'], requird: [] },
      { name: 'three', query: 'select 1; drop table x', key: ['a'] }
    ]
    const read = (): unknown =>
      readSqlSource('x.json', JSON.stringify({ url: 'mysql://ada:secret@db/x', queries }), env)
    assert.throws(read, (error: Error & { code: string }) => {
      assert.equal(error.code, 'CONFIG_INVALID')
      for (const mistake of [
        /url is another form, expected \{"env": VARIABLE\}/,
        /query 1: name is missing/,
        /query 1: table is no name/,
        /query 1: key is missing/,
        /query 2: expected either a table or a query/,
        /query 2: key is missing/,
        /query 3: unknown field 'requird' found; did you mean required\?/,
        /query 3: query is no single SELECT/,
        /query 4: query is no single SELECT/,
        /the name two is given twice/
      ]) {
        assert.match(error.message, mistake)
      }
      assert.ok(!error.message.includes('secret'))
      return true
    })
  })
})
