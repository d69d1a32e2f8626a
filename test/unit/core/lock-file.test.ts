import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createLockFile, removeStaleLock } from '@tapedeck/core'

async function lockPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return path.join(folder, 'lock')
}

describe('lock file', () => {
  it('goes to one of many, whole', async (t) => {
    const file = await lockPath(t)
    const names = Array.from({ length: 20 }, (_, i) => `owner ${i}`)
    const won = await Promise.all(names.map((name) => createLockFile(file, name)))
    assert.equal(won.filter(Boolean).length, 1)
    assert.equal(await readFile(file, 'utf8'), names[won.indexOf(true)])
    assert.deepEqual(await readdir(path.dirname(file)), ['lock'])
  })

  it('is never taken from a new owner by one who saw the stale one', async (t) => {
    // The race of three: one removes the stale lock, one makes a new one, one still acts on what it saw.
    for (let round = 0; round < 30; round++) {
      const file = await lockPath(t)
      await writeFile(file, 'stale')
      const owners = await Promise.all(
        Array.from({ length: 6 }, async (_, i) => {
          for (let attempt = 0; attempt < 5; attempt++) {
            if (await createLockFile(file, `owner ${i}`)) return i
            const seen = await readFile(file, 'utf8').catch(() => undefined)
            if (seen === 'stale') await removeStaleLock(file, seen)
          }
          return undefined
        })
      )
      const held = owners.filter((owner) => owner !== undefined)
      assert.equal(held.length, 1, `round ${round}: ${held.join(', ')} hold it`)
      assert.equal(await readFile(file, 'utf8'), `owner ${held[0]}`)
    }
  })
})
