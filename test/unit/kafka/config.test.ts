import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, readEnv, Secret } from '@tapedeck/core'
import { KAFKA_VARIABLES, kafkaConfig } from '@tapedeck/kafka'

const read = (env: Record<string, string>) => kafkaConfig(readEnv(env, KAFKA_VARIABLES))

describe('KAFKA_BROKERS', () => {
  it('reads a plain list', () => {
    const config = read({ KAFKA_BROKERS: 'a:9092, b:9093' })
    assert.deepEqual(config, {
      brokers: ['a:9092', 'b:9093'],
      topic: 'raw_data',
      ssl: false,
      sasl: undefined,
      topics: {
        partitions: 6,
        replicationFactor: undefined,
        minInSyncReplicas: undefined,
        retentionMs: 7 * 86_400_000,
        retentionBytes: 1024 ** 3
      }
    })
  })

  it('reads credentials from the address, decoded, with TLS by scheme', () => {
    const config = read({
      KAFKA_BROKERS: 'kafka+ssl://me:p%40ss@a:9092,b:9092',
      KAFKA_SASL_MECHANISM: 'scram-sha-512'
    })
    assert.deepEqual(config.sasl, {
      mechanism: 'scram-sha-512',
      username: 'me',
      password: 'p@ss'
    })
    assert.deepEqual(
      { ssl: config.ssl, brokers: config.brokers },
      { ssl: true, brokers: ['a:9092', 'b:9092'] }
    )
  })

  it('lets variables win over the address', () => {
    const { sasl } = read({
      KAFKA_BROKERS: 'kafka://me:old@a:1',
      KAFKA_USERNAME: 'you',
      KAFKA_PASSWORD: 'new'
    })
    assert.equal(sasl?.username, 'you')
    assert.ok(sasl?.password instanceof Secret && sasl.password.reveal() === 'new')
  })

  it('names every bad address and never a password', () => {
    assert.throws(
      () => read({ KAFKA_BROKERS: 'kafka://me:hush@a,b:port,c:9092' }),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        assert.match(error.message, /'a' found, expected host:port/)
        assert.match(error.message, /'b:port' found/)
        assert.doesNotMatch(error.message, /hush/)
        return true
      }
    )
  })
})

describe('the settings of topics', () => {
  it('are refused when more copies must have a record than there are', () => {
    const env = { KAFKA_BROKERS: 'a:9092', KAFKA_REPLICATION_FACTOR: '2' }
    assert.equal(read({ ...env, KAFKA_MIN_INSYNC_REPLICAS: '2' }).topics?.minInSyncReplicas, 2)
    assert.throws(
      () => read({ ...env, KAFKA_MIN_INSYNC_REPLICAS: '3' }),
      /KAFKA_MIN_INSYNC_REPLICAS is 3, expected at most KAFKA_REPLICATION_FACTOR 2/
    )
  })
})
