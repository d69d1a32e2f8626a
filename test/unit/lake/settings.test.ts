import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { hasCode, readEnv, text, type Env } from '@tapedeck/core'
import {
  LAKE_LOCATION_VARIABLES,
  lakeLocation,
  lakeProblems,
  openLake,
  type LakeLocation
} from '@tapedeck/lake'

const shape = { ...LAKE_LOCATION_VARIABLES, TAPEDECK_DATA_DIR: text('./.data') }
const KEYS = { AWS_ACCESS_KEY_ID: 'a-key-of-a-test', AWS_SECRET_ACCESS_KEY: 'a-secret-of-a-test' }

function read(env: Env): LakeLocation {
  return lakeLocation(readEnv(env, shape, lakeProblems))
}

function refuses(env: Env, ...expected: readonly RegExp[]): void {
  assert.throws(
    () => read(env),
    (error) => {
      assert.ok(hasCode(error, 'CONFIG_INVALID'))
      const lines = error.message.split('\n')
      assert.equal(lines.length, expected.length, error.message)
      for (const [at, one] of expected.entries()) assert.match(lines[at] ?? '', one)
      assert.doesNotMatch(error.message, /of-a-test/)
      return true
    }
  )
}

describe('lakeLocation()', () => {
  it('is a folder beside the other data unless a store is named', () => {
    assert.deepEqual(read({}), { dir: path.resolve('.data/lake') })
    assert.deepEqual(read({ TAPEDECK_DATA_DIR: '/d' }), { dir: '/d/lake' })
    // Keys alone are for other programs.
    assert.deepEqual(read({ LAKE_DIR: '/l', ...KEYS }), { dir: '/l' })
  })

  it('names the bucket, the prefix and who asks', () => {
    const { dir, s3 } = read({ LAKE_DIR: '/l', LAKE_S3_URL: 's3://tape.lake/a b/Zürich/', ...KEYS })
    assert.equal(dir, '/l')
    const { secretKey, ...rest } = s3 ?? assert.fail()
    assert.deepEqual(rest, {
      bucket: 'tape.lake',
      prefix: 'a b/Zürich',
      endpoint: 'https://s3.us-east-1.amazonaws.com',
      region: 'us-east-1',
      keyId: KEYS.AWS_ACCESS_KEY_ID,
      sessionToken: undefined
    })
    assert.equal(secretKey.reveal(), KEYS.AWS_SECRET_ACCESS_KEY)
    const other = read({
      LAKE_S3_URL: 's3://lake',
      LAKE_S3_ENDPOINT: 'http://127.0.0.1:9000/',
      AWS_REGION: 'eu-central-2',
      AWS_SESSION_TOKEN: 'a-token-of-a-test',
      ...KEYS
    })
    assert.equal(other.s3?.endpoint, 'http://127.0.0.1:9000')
    assert.equal(other.s3.prefix, '')
    assert.equal(other.s3.region, 'eu-central-2')
    assert.equal(other.s3.sessionToken?.reveal(), 'a-token-of-a-test')
    assert.doesNotMatch(JSON.stringify(other), /secret-of|token-of/)
  })

  it('says in one line what is found and what is expected', () => {
    for (const LAKE_S3_URL of [
      'https://lake',
      's3://',
      's3://La_ke/x',
      's3://lake//x',
      's3://lake/a/../b',
      's3://lake/a?b'
    ]) {
      refuses(
        { LAKE_S3_URL, ...KEYS },
        /LAKE_S3_URL is '[^']*', expected s3:\/\/bucket or s3:\/\/bu/
      )
    }
    for (const LAKE_S3_ENDPOINT of ['127.0.0.1:9000', 's3://x', 'http://x/path', 'http://u:p@x']) {
      refuses(
        { LAKE_S3_ENDPOINT, LAKE_S3_URL: 's3://lake', ...KEYS },
        /LAKE_S3_ENDPOINT(: | is '.*', expected an address such as https:)/
      )
    }
    refuses(
      { LAKE_S3_URL: 's3://lake' },
      /AWS_ACCESS_KEY_ID is not set, expected a key for LAKE_S3_URL/,
      /AWS_SECRET_ACCESS_KEY is not set, expected/
    )
    refuses(
      { LAKE_S3_ENDPOINT: 'http://127.0.0.1:9000' },
      /LAKE_S3_ENDPOINT is set and LAKE_S3_URL is not, expected s3:\/\/bucket/
    )
  })
})

describe('openLake()', () => {
  it('keeps drafts in the folder of this machine', () => {
    assert.equal(openLake(read({ LAKE_DIR: '/l', LAKE_S3_URL: 's3://lake', ...KEYS })).dir, '/l')
  })
})
