import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseMariadbUrl, readMariadbConfig, shownAddress } from '@tapedeck/mariadb'

describe('parseMariadbUrl()', () => {
  it('reads every user and password that is percent-encoded', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(name, name, (user, password) => {
        const [one, two] = [user, password].map(encodeURIComponent)
        const found = parseMariadbUrl(`mysql://${one}:${two}@db.example:3307/books`)
        assert.equal(found.user, user)
        assert.equal(found.password.reveal(), password)
        assert.equal(shownAddress(found), 'mysql://db.example:3307/books')
      })
    )
  })

  it('has the usual port, an address in brackets and TLS where it is asked for', () => {
    const found = parseMariadbUrl('mariadb://ada:pw@[::1]/books?ssl=true')
    assert.deepEqual([found.host, found.port, found.isEncrypted], ['::1', 3306, true])
    assert.equal(shownAddress(found), 'mysql://[::1]:3306/books')
    assert.equal(parseMariadbUrl('mysql://ada:pw@db/books').isEncrypted, false)
  })

  it('names what does not fit and never repeats the password', () => {
    const cases = {
      'ada secret-password':
        /no address found, expected mysql:\/\/user:password@host:port\/database/,
      'postgres://ada:secret-password@db/books': /begins with postgres:\/\//,
      'mysql://:secret-password@db/books': /no user found/,
      'mysql://ada:secret-password@db': /no database found/,
      'mysql://ada:secret-password@db/books?charset=x': /unknown option charset found/,
      'mysql://ada:secret-password%zz@db/books': /the password has a % that begins no code/
    }
    for (const [url, message] of Object.entries(cases)) {
      assert.throws(
        () => readMariadbConfig({ MARIADB_URL: url }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'CONFIG_INVALID')
          assert.match(error.message, message)
          assert.ok(!error.message.includes('secret-password'))
          return true
        },
        url
      )
    }
  })
})

describe('readMariadbConfig()', () => {
  it('takes MARIADB_URL, then what a stack has left in its data folder, then none', (t) => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'tapedeck-mariadb-'))
    t.after(() => rmSync(dataDir, { recursive: true }))
    const env = { TAPEDECK_DATA_DIR: dataDir }
    assert.equal(readMariadbConfig(env), undefined)
    writeFileSync(path.join(dataDir, 'mariadb-url'), 'mysql://a:b@127.0.0.1:4000/left\n')
    assert.equal(readMariadbConfig(env)?.database, 'left')
    const own = { ...env, MARIADB_URL: 'mysql://a:b@db/given' }
    assert.equal(readMariadbConfig(own)?.database, 'given')
  })
})
