import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  hostNameOf,
  isLoopback,
  isOwnHost,
  pageStanding
} from '../../../../services/api/src/access/hosts.ts'

describe('isLoopback()', () => {
  it('knows the names and addresses of this machine, and no other', () => {
    for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]']) {
      assert.ok(isLoopback(host), host)
    }
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example', 'api', '128.0.0.1', '']) {
      assert.ok(!isLoopback(host), host)
    }
  })
})

describe('isOwnHost()', () => {
  const known = new Set(['api', 'tape.example'])
  const isOwn = (header: string | undefined, local = '10.1.2.3') => isOwnHost(header, known, local)

  it('takes loopback, the known names and the address that was connected to, with any port', () => {
    for (const header of [
      'localhost:8080',
      'LOCALHOST',
      '127.0.0.1:1',
      '[::1]:8080',
      'api:8080',
      'Tape.Example.',
      '10.1.2.3:8080',
      undefined
    ]) {
      assert.ok(isOwn(header), header)
    }
    assert.ok(isOwn('10.1.2.3', '::ffff:10.1.2.3'))
    assert.ok(isOwn('[fd00::5]:8080', 'fd00:0:0::5'))
  })

  it('takes no other name, however it is written', () => {
    for (const header of [
      'evil.example',
      'api.evil.example',
      'evil.example:8080',
      '127.0.0.1.evil.example',
      'localhost@evil.example',
      'evil.example#localhost',
      'evil.example/localhost',
      'evil.example localhost',
      '10.1.2.4',
      '',
      ':8080',
      '[::1',
      '[::2]'
    ]) {
      assert.ok(!isOwn(header), header)
    }
  })

  it('fails on no text, and takes no domain that is not known', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.domain(), fc.webAuthority({ withPort: true })),
        (text) => {
          const name = hostNameOf(text)
          const isKnown = name !== undefined && (known.has(name) || isLoopback(name))
          assert.equal(isOwnHost(text, known, undefined), isKnown)
        }
      )
    )
  })
})

describe('pageStanding()', () => {
  it('compares the origin with the Host of the request and with the list', () => {
    const of = (origin: string | undefined, host: string, listed: readonly string[] = []) =>
      pageStanding(origin, host, listed)
    assert.equal(of(undefined, 'localhost:8080'), 'none')
    assert.equal(of('http://localhost:8080', 'localhost:8080'), 'own')
    assert.equal(of('https://tape.example', 'tape.example'), 'own')
    assert.equal(of('https://tape.example', 'tape.example:443'), 'own')
    assert.equal(of('http://localhost:3000', 'localhost:8080'), 'foreign')
    assert.equal(of('http://127.0.0.1:8080', 'localhost:8080'), 'foreign')
    assert.equal(of('null', 'null'), 'foreign')
    assert.equal(of('file://localhost:8080', 'localhost:8080'), 'foreign')
    assert.equal(of('https://a.example', 'localhost', ['https://a.example']), 'listed')
    assert.equal(of('https://a.example:1', 'localhost', ['https://a.example']), 'foreign')
    assert.equal(of('https://a.example', 'localhost', ['*']), 'any')
    assert.equal(of('http://localhost', 'localhost', ['*']), 'own')
  })
})
