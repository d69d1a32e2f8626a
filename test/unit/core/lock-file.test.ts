import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hasCode, processIdentity, takeLock } from '@tapedeck/core'

async function lockPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return path.join(folder, 'lock')
}

/** As many processes as one test can be: each try either has the lock or is refused. */
async function contenders(file: string, count: number): Promise<number> {
  const tries = await Promise.allSettled(
    Array.from({ length: count }, () => takeLock(file, 'ANY_DIR'))
  )
  for (const one of tries) {
    assert.ok(one.status === 'fulfilled' || hasCode(one.reason, 'DATA_DIR_IN_USE'))
  }
  return tries.filter(({ status }) => status === 'fulfilled').length
}

describe('takeLock()', () => {
  it('gives the lock to one of many, with its whole content', async (t) => {
    const file = await lockPath(t)
    assert.equal(await contenders(file, 20), 1)
    const owner = await processIdentity(process.pid)
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { owner })
    assert.deepEqual(await readdir(path.dirname(file)), ['lock'])
  })

  it('takes over a stale lock once, and never removes the new one', async (t) => {
    // The race of three: one removes the stale lock, one creates a new one, one acts on what it saw.
    for (let round = 0; round < 30; round++) {
      const file = await lockPath(t)
      await writeFile(file, 'stale')
      assert.equal(await contenders(file, 6), 1, `round ${round}`)
      const owner = await processIdentity(process.pid)
      assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { owner })
    }
  })

  it('runs what must precede a takeover while the stale lock is still there', async (t) => {
    const file = await lockPath(t)
    const owner = { pid: process.pid, started: 'another time' }
    await writeFile(file, JSON.stringify({ owner }))
    const seen: unknown[] = []
    const own = await takeLock(file, 'ANY_DIR', {
      content: { children: [] },
      beforeTakeover: async (stale) => {
        seen.push(stale.owner, (JSON.parse(await readFile(file, 'utf8')) as typeof stale).owner)
      }
    })
    assert.deepEqual(seen, [owner, owner])
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { owner: own, children: [] })
  })
})
