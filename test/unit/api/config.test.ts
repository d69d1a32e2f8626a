import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/api'
import { hasCode } from '@tapedeck/core'

const MONGODB_URI = 'mongodb://localhost:27017'

describe('readConfig of the api', () => {
  it('listens on the loopback address only, unless told', () => {
    const { host, port } = readConfig({ MONGODB_URI })
    assert.deepEqual({ host, port }, { host: '127.0.0.1', port: 8080 })
    assert.equal(readConfig({ MONGODB_URI, API_HOST: '0.0.0.0' }).host, '0.0.0.0')
  })

  it('reports every mistake at once', () => {
    assert.throws(
      () => readConfig({ API_PORT: '70000', SYMBOLS: 'AAPL,,AAPL' }),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const part of ['MONGODB_URI', 'API_PORT', 'entry 2', 'entry 3']) {
          assert.ok(error.message.includes(part), part)
        }
        return true
      }
    )
  })
})
