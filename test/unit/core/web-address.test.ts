import { hasCode, readEnv, webAddress } from '@tapedeck/core'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

function read(part: 'origin' | 'path', found: string): string {
  return readEnv({ ADDRESS: found }, { ADDRESS: webAddress(undefined, part) }).ADDRESS
}

function refuses(part: 'origin' | 'path', found: string, ...reasons: readonly RegExp[]): void {
  assert.throws(
    () => read(part, found),
    (error) => {
      assert.ok(hasCode(error, 'CONFIG_INVALID'))
      for (const reason of reasons) assert.match(error.message, reason)
      return true
    },
    found
  )
}

describe('webAddress()', () => {
  it('has no slash at its end, and keeps a path where one may stand', () => {
    assert.equal(read('path', 'https://tape.example/'), 'https://tape.example')
    assert.equal(read('path', 'https://tape.example'), 'https://tape.example')
    assert.equal(read('path', 'https://tape.example/a/b//'), 'https://tape.example/a/b')
    assert.equal(read('origin', 'http://[::1]:8080/'), 'http://[::1]:8080')
  })

  it('is written as a browser writes it', () => {
    assert.equal(read('path', 'HTTPS://Tape.Example:443/A'), 'https://tape.example/A')
  })

  it('refuses what is no address of a web server', () => {
    for (const part of ['origin', 'path'] as const) {
      for (const found of ['tape.example', '127.0.0.1:8080', 'ws://tape.example', 'https://']) {
        refuses(part, found, /ADDRESS is '.*', expected an address such as https:\/\/host\.example/)
      }
    }
  })

  it('refuses a path where none may stand', () => {
    refuses('origin', 'https://tape.example/a', /ADDRESS: '.*\/a' has a path, expected none/)
  })

  it('refuses a query and a fragment, also empty ones, in both', () => {
    for (const part of ['origin', 'path'] as const) {
      for (const end of ['?a=b', '?', '#top', '/#']) {
        refuses(part, `https://tape.example${end}`, /has a \? or #, expected none/)
      }
    }
  })

  it('names every mistake at once, and no password', () => {
    const found = 'https://me:hidden@tape.example/a?token=hidden'
    refuses('origin', found, /has a path/, /has a \? or #/, /has a user or password/)
    assert.throws(
      () => read('path', found),
      (error) => !String(error).includes('hidden')
    )
  })
})
