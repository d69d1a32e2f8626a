import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { firstFound, mariadbSteps } from '@tapedeck/stack/testing'
import { machine, options } from './machine.ts'

const said = (version: string): string => `mariadbd  Ver ${version}-MariaDB for linux on x86_64`

/** The scripts of the system tables, beside the `bin` or `sbin` of a program. */
async function scripts(program: string, share: string, prefix: string): Promise<void> {
  const folder = path.join(path.dirname(path.dirname(program)), share)
  await mkdir(folder, { recursive: true })
  for (const name of ['system_tables', 'system_tables_data']) {
    await writeFile(path.join(folder, `${prefix}_${name}.sql`), '')
  }
}

describe('mariadbSteps()', () => {
  it('prefers PATH and the usual folders to the cache, with the scripts of either name', async (t) => {
    const { search, program } = await machine(t)
    const usual = await program('usual/mariadbd', said('10.11.19'))
    await scripts(usual, 'share/mysql', 'mysql')
    const cached = await program('cache/mariadb-11.4.5-linux-x64/bin/mariadbd', said('11.4.5'))
    await scripts(cached, 'share', 'mariadb')
    const first = await firstFound('mariadbd', mariadbSteps(search), options)
    assert.deepEqual([first.from, first.value.version], ['PATH', '10.11.19'])
    assert.equal(path.basename(first.value.share), 'mysql')
    await rm(usual)
    const second = await firstFound('mariadbd', mariadbSteps(search), options)
    assert.deepEqual([second.from, second.value.version], ['cache', '11.4.5'])
  })

  it('skips one that is too old, another program and one without its scripts', async (t) => {
    const { search, program } = await machine(t)
    await program('bin/mariadbd', said('10.5.29'))
    await program('usual/mariadbd', 'mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community)')
    await program('cache/mariadb-11.4.5-linux-x64/bin/mariadbd', said('11.4.5'))
    await assert.rejects(firstFound('mariadbd', mariadbSteps(search), options), (error: Error) => {
      assert.match(error.message, /is MariaDB 10\.5\.29, expected 10\.6 or later/)
      assert.match(error.message, /--version names no version of MariaDB/)
      assert.match(error.message, /cache: no mariadb_system_tables\.sql in/)
      assert.match(error.message, /Maven: fetching is off/)
      return true
    })
  })

  it('says for which machine the jar is, and what it needs', async (t) => {
    const { search, program } = await machine(t)
    const mac = { ...search, platform: 'darwin' as const, arch: 'arm64' as const, mayFetch: true }
    await assert.rejects(
      firstFound('mariadbd', mariadbSteps(mac), options),
      /Maven: the jar is for Linux on x64, found darwin on arm64/
    )
    await program('bin/java', 'openjdk version "17.0.15" 2025-04-15')
    await assert.rejects(
      firstFound('mariadbd', mariadbSteps({ ...search, mayFetch: true }), options),
      /Maven: no mvn on PATH/
    )
  })
})
