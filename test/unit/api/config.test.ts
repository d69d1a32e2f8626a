import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/api/testing'
import { hasCode } from '@tapedeck/core'

const MONGODB_URI = 'mongodb://localhost:27017'

describe('readConfig of the api', () => {
  it('listens on the loopback address by default', () => {
    const { host, port } = readConfig({ MONGODB_URI })
    assert.deepEqual({ host, port }, { host: '127.0.0.1', port: 8080 })
    const open = { MONGODB_URI, API_HOST: '0.0.0.0', API_OPEN: 'true' }
    assert.equal(readConfig(open).host, '0.0.0.0')
  })

  it('reads which forecasts are made as the consumer does', () => {
    const of = (env: Record<string, string>) =>
      readConfig({ MONGODB_URI, ...env }).forecasts.map(
        ({ timeframe, horizon }) => `${timeframe}:${horizon}`
      )
    assert.deepEqual(of({}), ['1m:1', '1m:5', '5s:12'])
    assert.deepEqual(of({ TIMEFRAMES: '1s,5s' }), ['5s:12'])
    assert.deepEqual(of({ FORECASTS: '1h:20:2' }), ['1h:2'])
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
