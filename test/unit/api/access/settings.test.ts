import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@tapedeck/api/testing'
import { hasCode } from '@tapedeck/core'

const MONGODB_URI = 'mongodb://localhost:27017'
const TOKENS = 'viewer:read:0123456789abcdef,ops:admin:fedcba9876543210'
const accessOf = (env: Readonly<Record<string, string>>) =>
  readConfig({ MONGODB_URI, ...env }).access

describe('the settings of access', () => {
  it('open reading on loopback addresses only', () => {
    for (const API_HOST of ['127.0.0.1', 'localhost', 'LOCALHOST', '::1']) {
      assert.ok(accessOf({ API_HOST }).isOpen, API_HOST)
    }
    for (const API_HOST of ['0.0.0.0', '::', 'api', '192.168.1.5']) {
      assert.ok(!accessOf({ API_HOST, API_TOKENS: TOKENS }).isOpen, API_HOST)
      assert.ok(accessOf({ API_HOST, API_OPEN: '1' }).isOpen, API_HOST)
    }
    assert.ok(!accessOf({ API_OPEN: 'false', API_TOKENS: TOKENS }).isOpen)
  })

  it('refuse a start that nobody could read from, and say what to set', () => {
    const closed: Record<string, string>[] = [{ API_HOST: '0.0.0.0' }, { API_OPEN: '0' }]
    for (const env of closed) {
      assert.throws(
        () => accessOf(env),
        (error) => {
          assert.ok(hasCode(error, 'CONFIG_INVALID'))
          assert.match(error.message, /there is no token: expected API_TOKENS=.*API_OPEN=true/)
          return true
        }
      )
    }
    // A token that may write may read; what a file holds is seen at the start.
    accessOf({ API_HOST: '0.0.0.0', API_TOKEN: '0123456789abcdef' })
    accessOf({ API_HOST: '0.0.0.0', API_TOKENS_FILE: '/run/secrets/tokens' })
  })

  it('name every mistake at once, and no secret', () => {
    assert.throws(
      () =>
        accessOf({
          API_TOKEN: 'short',
          API_TOKENS: 'a:read:shorter,b:reed:0123456789abcdef',
          API_HOSTS: 'api,a b',
          API_ORIGINS: 'https://a.example,b.example',
          API_OPEN: 'maybe'
        }),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const part of [
          'API_TOKEN is refused',
          'API_TOKENS: entry 1 has a shorter secret',
          'API_TOKENS: entry 2 has another scope',
          "API_HOSTS: 'a b' found",
          "API_ORIGINS: 'b.example' found",
          "API_OPEN is 'maybe'"
        ]) {
          assert.ok(error.message.includes(part), part)
        }
        assert.doesNotMatch(error.message, /short[,e]r?$|shorter,|0123456789abcdef|reed/m)
        return true
      }
    )
    assert.throws(() => accessOf({ API_ORIGINS: '*,https://a.example' }), /expected it alone/)
    const twice = { API_TOKEN: '0123456789abcdef', API_TOKENS: TOKENS }
    assert.throws(() => accessOf(twice), /API_TOKENS with API_TOKEN: two tokens have one secret/)
  })

  it('read names and origins as headers write them', () => {
    const { hosts, origins } = accessOf({
      API_HOSTS: 'API, Tape.Example',
      API_ORIGINS: 'https://A.example/, http://b.example:8443'
    })
    assert.deepEqual([...hosts], ['127.0.0.1', 'api', 'tape.example'])
    assert.deepEqual(origins, ['https://a.example', 'http://b.example:8443'])
  })
})
