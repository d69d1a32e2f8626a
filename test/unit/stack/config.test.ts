import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/stack/testing'

describe('readConfig()', () => {
  it('needs nothing: everything is found or simulated', () => {
    const config = readConfig({ HOME: '/home/ada' })
    assert.equal(config.mode, 'auto')
    assert.equal(config.feed, 'simulated')
    assert.equal(config.kafka, undefined)
    assert.equal(config.mongo.uri, undefined)
    assert.equal(config.dataDir, path.resolve('.data'))
    assert.equal(config.isApiPortGiven, false)
  })

  it('names every mistake at once', () => {
    assert.throws(
      () => readConfig({ SYMBOLS: 'AAPL,,AAPL,A;B', STACK: 'cloud', API_PORT: '99999' }),
      (error: Error) => {
        for (const part of [
          /STACK is 'cloud', expected one of auto, external, embedded, docker/,
          /SYMBOLS: entry 2 is empty/,
          /SYMBOLS: entry 3 'AAPL' is there already/,
          /SYMBOLS: entry 4 is 'A;B'/,
          /API_PORT is '99999', expected a whole number/
        ]) {
          assert.match(error.message, part)
        }
        return true
      }
    )
  })

  it('limits the list of symbols to the plan', () => {
    const SYMBOLS = Array.from({ length: 51 }, (_, index) => `S${index}`).join(',')
    assert.throws(() => readConfig({ SYMBOLS }), { code: 'CONFIG_INVALID', message: /limit: S50/ })
    assert.equal(readConfig({ SYMBOLS, FINNHUB_MAX_SYMBOLS: '100' }).symbols.length, 51)
  })

  it('requires both addresses when STACK is external', () => {
    const env = { STACK: 'external', MONGODB_URI: 'mongodb://127.0.0.1:1' }
    assert.throws(() => readConfig(env), {
      code: 'CONFIG_INVALID',
      message: /KAFKA_BROKERS not set/
    })
  })

  it('is live with a token or an address of a feed', () => {
    assert.equal(readConfig({ FINNHUB_TOKEN: 'abc' }).feed, 'live')
    assert.equal(readConfig({ FINNHUB_URL: 'ws://127.0.0.1:1' }).feed, 'live')
  })

  it('keeps its cache in the cache folder of the user', () => {
    assert.equal(readConfig({ XDG_CACHE_HOME: '/c' }).cacheDir, '/c/tapedeck')
    assert.equal(readConfig({ TAPEDECK_CACHE_DIR: '/d' }).cacheDir, '/d')
    for (const found of ['', ' ', 'relative']) {
      const { cacheDir } = readConfig({ XDG_CACHE_HOME: found, TAPEDECK_CACHE_DIR: '', HOME: '/h' })
      assert.match(cacheDir, /^\/h\/(\.cache|Library\/Caches)\/tapedeck$/)
    }
  })

  it('takes what is set to nothing as not set, for its services too', () => {
    const { env } = readConfig({
      SIMULATOR_TOKEN: '',
      SIMULATOR_FILE: ' ',
      JAVA_HOME: '',
      PATH: '/bin'
    })
    const { NODE_COMPILE_CACHE: _cache, ...others } = env
    assert.deepEqual(others, { PATH: '/bin' })
  })

  it('creates topics on its own brokers as the settings say, on one node unless told', () => {
    const { nodes, topics } = readConfig({ KAFKA_PARTITIONS: '12', KAFKA_RETENTION: '1d' })
    assert.equal(nodes, 1)
    assert.deepEqual([topics.partitions, topics.retentionMs], [12, 86_400_000])
    assert.equal(readConfig({ STACK_NODES: '3' }).nodes, 3)
    assert.throws(
      () => readConfig({ STACK_NODES: '2' }),
      /STACK_NODES is '2', expected one of 1, 3/
    )
  })
})
