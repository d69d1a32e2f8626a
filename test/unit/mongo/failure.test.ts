import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, type ErrorCode } from '@tapedeck/core'
import { insertTrades } from '@tapedeck/mongo'
import { aTrade } from '../../support/market-documents.ts'

/** The code that a bulk write fails with when the server gives this answer; undefined: it succeeds. */
async function codeOf(answer: object): Promise<ErrorCode | undefined> {
  const db = { command: () => Promise.resolve({ ok: 1, ...answer }) }
  const trades = { collectionName: 'trades', db } as unknown
  try {
    await insertTrades({ trades } as Parameters<typeof insertTrades>[0], [aTrade('AAPL', 0)])
    return undefined
  } catch (error) {
    const codes: readonly ErrorCode[] = ['DATABASE_UNREACHABLE', 'STATE_CORRUPT']
    return codes.find((code) => hasCode(error, code))
  }
}

const DUPLICATE = { index: 0, code: 11_000, errmsg: 'E11000 duplicate key error' }

describe('a bulk write during a failover', () => {
  it('may be repeated when most members have not confirmed it, even of documents that are stored', async () => {
    const writeConcernError = { code: 64, errmsg: 'waiting for replication timed out' }
    assert.equal(await codeOf({ writeConcernError }), 'DATABASE_UNREACHABLE')
    const both = { writeConcernError, writeErrors: [DUPLICATE] }
    assert.equal(await codeOf(both), 'DATABASE_UNREACHABLE')
    assert.equal(await codeOf({ writeErrors: [DUPLICATE] }), undefined)
  })

  it('may be repeated when its server is the primary no more', async () => {
    for (const code of [91, 189, 10_107, 11_600, 11_602, 13_435, 13_436]) {
      const error = { index: 0, code, errmsg: 'not primary' }
      assert.equal(await codeOf({ writeErrors: [error] }), 'DATABASE_UNREACHABLE', String(code))
      assert.equal(await codeOf({ writeConcernError: error }), 'DATABASE_UNREACHABLE', String(code))
    }
  })

  it('may be repeated when the server labels it so, whatever its code', async () => {
    const writeConcernError = { code: 4242, errmsg: 'of a later version' }
    const errorLabels = ['RetryableWriteError']
    assert.equal(await codeOf({ writeConcernError, errorLabels }), 'DATABASE_UNREACHABLE')
  })

  it('may not be repeated when the server refuses the document', async () => {
    const refused = { index: 0, code: 2, errmsg: 'BadValue' }
    assert.equal(await codeOf({ writeErrors: [refused] }), 'STATE_CORRUPT')
    assert.equal(
      await codeOf({ writeConcernError: { code: 79, errmsg: 'no such mode' } }),
      'STATE_CORRUPT'
    )
  })
})
