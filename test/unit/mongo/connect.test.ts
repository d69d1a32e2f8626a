import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import { MONGO_VARIABLES, mongoConfig } from '@tapedeck/mongo'

const databaseOf = (env: Record<string, string>): string =>
  mongoConfig(readEnv(env, MONGO_VARIABLES)).database

describe('mongoConfig()', () => {
  it('uses the database that the address names', () => {
    for (const [MONGODB_URI, expected] of [
      ['mongodb://h:27017', 'tapedeck'],
      ['mongodb://h:27017/', 'tapedeck'],
      ['mongodb://h:27017/?tls=true', 'tapedeck'],
      ['mongodb://h:27017/market', 'market'],
      ['mongodb://ada:p%2Fw@h1:1,h2:2/market?replicaSet=a', 'market'],
      ['mongodb+srv://ada:x@h.example/market', 'market']
    ] as const) {
      assert.equal(databaseOf({ MONGODB_URI }), expected, MONGODB_URI)
    }
  })

  it('takes a database of the server itself for the place of users', () => {
    assert.equal(databaseOf({ MONGODB_URI: 'mongodb://ada:x@h/admin' }), 'tapedeck')
  })

  it('lets MONGODB_DB win', () => {
    assert.equal(databaseOf({ MONGODB_URI: 'mongodb://h/market', MONGODB_DB: 'own' }), 'own')
  })

  it('answers a name that no database can have', () => {
    assert.throws(() => databaseOf({ MONGODB_URI: 'mongodb://h', MONGODB_DB: 'a b' }), {
      message: /MONGODB_DB is 'a b', expected a database name without blanks/
    })
  })
})
