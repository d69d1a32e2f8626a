import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { Mariadb, parseMariadbUrl, readMariadbConfig } from '@tapedeck/mariadb'
import { silentProgress, startServers } from '@tapedeck/stack/testing'
import { mariadbConfig, ownMariadb } from '../../support/own-mariadb.ts'
import { until } from '../../support/until.ts'
import { temporaryFolder } from './stack-process.ts'

const LIMIT_MS = 120_000

describe('MariaDB in the stack', { timeout: 600_000 }, () => {
  it('keeps its address and its data when it is killed, and leaves no password in sight', async (t) => {
    const dataDir = path.join(await temporaryFolder(t), 'a, b', 'josé 币', '.data')
    const { url, server } = await ownMariadb(t, dataDir)
    const config = parseMariadbUrl(url)
    const before = await Mariadb.open(config)
    await before.rows('create table notes (text varchar(20) primary key)')
    await before.rows("insert into notes values ('written')")
    await before.close()

    const { pid, address } = server.current()
    assert.ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    await until('a restart', () => server.current().pid !== pid, LIMIT_MS)
    assert.equal(server.current().address, address)
    const after = await Mariadb.open(config)
    assert.deepEqual(await after.rows('select text from notes'), [{ text: 'written' }])
    // It sees no other user's password, and no other database.
    await assert.rejects(after.rows('select * from mysql.global_priv'), /denied/)
    await after.close()

    const file = path.join(dataDir, 'mariadb-url')
    assert.equal(statSync(file).mode & 0o077, 0)
    assert.equal(readMariadbConfig({ TAPEDECK_DATA_DIR: dataDir })?.url.reveal(), url)
    const password = config.password.reveal()
    const command = execFileSync('ps', ['-o', 'args=', '-p', String(server.current().pid)])
    const log = readFileSync(path.join(dataDir, 'logs/mariadb.log'), 'utf8')
    for (const text of [address, String(command), log]) assert.ok(!text.includes(password))
    assert.ok(!readFileSync(`/proc/${server.current().pid}/environ`, 'utf8').includes(password))
  })

  it('names what it refuses, and nobody but its user comes in', async (t) => {
    const { url } = await ownMariadb(t)
    const { host, port } = parseMariadbUrl(url)
    const wrong = parseMariadbUrl(`mysql://tapedeck:not-the-password@${host}:${port}/tapedeck`)
    await assert.rejects(Mariadb.open(wrong), (error: Error & { code: string }) => {
      assert.equal(error.code, 'SERVER_MISSING')
      assert.match(error.message, /Access denied for user 'tapedeck'.*MARIADB_URL/)
      assert.ok(!error.message.includes('not-the-password'))
      return true
    })
    const root = parseMariadbUrl(`mysql://root@${host}:${port}/mysql`)
    await assert.rejects(Mariadb.open(root), { code: 'SERVER_MISSING' })
    const none = parseMariadbUrl(url.replace(/tapedeck$/, 'tapedeck_none'))
    await assert.rejects(Mariadb.open(none), /Unknown database/)
    const away = parseMariadbUrl('mysql://tapedeck:pw@127.0.0.1:1/tapedeck')
    await assert.rejects(Mariadb.open(away), {
      code: 'DATABASE_UNREACHABLE',
      message: 'Cannot reach MariaDB at mysql://127.0.0.1:1/tapedeck: ECONNREFUSED'
    })
  })

  it('stops in order, starts again with its data, and is not there unless it is asked for', async (t) => {
    const dataDir = await temporaryFolder(t)
    const config = mariadbConfig(dataDir)
    const options = {
      progress: silentProgress,
      signal: new AbortController().signal,
      preferredPorts: false
    }
    const first = await startServers(config, options)
    const url = first.mariadbUrl?.reveal() ?? ''
    const database = await Mariadb.open(parseMariadbUrl(url))
    await database.rows('create table notes (text varchar(20) primary key)')
    await database.close()
    await first.close(30_000)
    const log = readFileSync(path.join(dataDir, 'logs/mariadb.log'), 'utf8')
    assert.match(log, /Shutdown complete/)
    assert.ok(!existsSync(path.join(dataDir, 'mariadb-url')))

    const second = await startServers(config, options)
    assert.equal(second.mariadbUrl?.reveal(), url)
    const again = await Mariadb.open(parseMariadbUrl(url))
    assert.deepEqual(await again.rows('select count(*) as n from notes'), [{ n: '0' }])
    await again.close()
    await second.close(30_000)

    const off = { ...config, mariadb: { own: undefined, isEmbedded: false } }
    const third = await startServers(off, options)
    assert.deepEqual([third.mariadb, third.mariadbUrl], [undefined, undefined])
    await third.close(30_000)

    const own = { own: parseMariadbUrl('mysql://a:b@127.0.0.1:1/c'), isEmbedded: true }
    await assert.rejects(startServers({ ...config, mariadb: own }, options), {
      code: 'SERVER_MISSING',
      message: /^MARIADB_URL: Cannot reach MariaDB at mysql:\/\/127\.0\.0\.1:1\/c/
    })
  })
})
