import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/producer/testing'

const ENV = { KAFKA_BROKERS: '127.0.0.1:9092', SIMULATOR_URL: 'ws://127.0.0.1:9200' }

describe('readConfig() of the producer', () => {
  it('puts the spool of each topic into a folder of its own below the data folder', () => {
    const { spool, spoolAfterMs, capture } = readConfig({ ...ENV, TAPEDECK_DATA_DIR: 'data' })
    const dir = path.join('data', 'spool', 'raw_data')
    assert.deepEqual(spool, { dir, maxBytes: 1_073_741_824, fsync: 'interval' })
    assert.equal(spoolAfterMs, 1000)
    assert.equal(capture, undefined)
    const other = readConfig({ ...ENV, SPOOL_DIR: 'elsewhere', KAFKA_TOPIC: 'other' })
    assert.equal(other.spool.dir, path.join('elsewhere', 'other'))
  })

  it('captures only when a folder is set', () => {
    const { capture } = readConfig({ ...ENV, CAPTURE_DIR: 'frames', CAPTURE_ROTATE: '10m' })
    assert.deepEqual(capture, { dir: 'frames', rotateMs: 600_000, maxFileBytes: 67_108_864 })
  })

  it('names every mistake at once', () => {
    const wrong = { SPOOL_AFTER: '0s', SPOOL_MAX_BYTES: '1GB', SPOOL_FSYNC: 'never' }
    assert.throws(() => readConfig({ ...ENV, ...wrong }), {
      code: 'CONFIG_INVALID',
      message: /SPOOL_AFTER is '0s'[^]*SPOOL_MAX_BYTES is '1GB'[^]*SPOOL_FSYNC is 'never'/
    })
  })
})
