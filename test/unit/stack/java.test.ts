import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { firstFound, javaSteps } from '@tapedeck/stack/testing'
import { JAVA_17, machine, options } from './machine.ts'

describe('javaSteps()', () => {
  it('accepts Java 17 or later and names the older one that it skipped', async (t) => {
    const { search, program } = await machine(t)
    await program('home/bin/java', 'java version "1.8.0_402"')
    const good = await program('bin/java', JAVA_17)
    const home = path.join(path.dirname(search.cacheDir), 'home')
    const env = { ...search.env, JAVA_HOME: home }
    const found = await firstFound('Java', javaSteps({ ...search, env }), options)
    assert.deepEqual(found.value, { path: good, major: 17 })
    assert.match(found.reasons[0] ?? '', /JAVA_HOME: .*is Java 8, expected 17 or later/)
  })
})
