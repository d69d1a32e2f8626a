import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isSame, lockDataDir, processIdentity } from '@tapedeck/core'

async function dataDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function sleeper(t: TestContext): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  return child as ChildProcess & { pid: number }
}

describe('lockDataDir()', () => {
  it('refuses a folder in use and names the process', async (t) => {
    const folder = await dataDir(t)
    const lock = await lockDataDir(folder)
    await assert.rejects(lockDataDir(folder), {
      code: 'DATA_DIR_IN_USE',
      message: new RegExp(`process ${process.pid} runs there`)
    })
    await lock.release()
    const again = await lockDataDir(folder)
    await again.release()
    assert.deepEqual(await readdir(folder), [])
  })

  it('takes over the lock of a process that is gone', async (t) => {
    const folder = await dataDir(t)
    const gone = await sleeper(t)
    const owner = await processIdentity(gone.pid)
    gone.kill('SIGKILL')
    await once(gone, 'exit')
    await writeFile(path.join(folder, 'stack.lock'), JSON.stringify({ owner, children: [] }))
    const lock = await lockDataDir(folder)
    await lock.release()
  })

  it('takes over the lock of a process whose number was given to another', async (t) => {
    const folder = await dataDir(t)
    const owner = { pid: process.pid, started: '1' }
    await writeFile(path.join(folder, 'stack.lock'), JSON.stringify({ owner, children: [] }))
    const lock = await lockDataDir(folder)
    await lock.release()
  })

  it('takes over a lock that is not readable', async (t) => {
    const folder = await dataDir(t)
    await writeFile(path.join(folder, 'stack.lock'), '{"owner":')
    const lock = await lockDataDir(folder)
    await lock.release()
  })

  it('waits for the remaining processes of a killed stack', async (t) => {
    const folder = await dataDir(t)
    const child = await sleeper(t)
    const owner = { pid: process.pid, started: '1' }
    const children = [await processIdentity(child.pid)]
    await writeFile(path.join(folder, 'stack.lock'), JSON.stringify({ owner, children }))
    const locking = lockDataDir(folder)
    child.kill('SIGKILL')
    const lock = await locking
    assert.equal(await isSame(children[0]!), false)
    await lock.release()
  })

  it('gives a stale folder to one of many', async (t) => {
    const folder = await dataDir(t)
    const owner = { pid: process.pid, started: '1' }
    await writeFile(path.join(folder, 'stack.lock'), JSON.stringify({ owner, children: [] }))
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(folder)))
    const locks = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.equal(locks.length, 1)
    await locks[0]?.release()
  })

  it('records every child of those that start at the same time', async (t) => {
    const folder = await dataDir(t)
    const lock = await lockDataDir(folder)
    const pids = await Promise.all(Array.from({ length: 4 }, async () => (await sleeper(t)).pid))
    const exited = new Promise<never>(() => undefined)
    await Promise.all(pids.map((pid) => lock.record({ pid, exited })))
    const { children } = JSON.parse(await readFile(lock.file, 'utf8')) as {
      children: { pid: number }[]
    }
    assert.deepEqual(new Set(children.map(({ pid }) => pid)), new Set(pids))
    await lock.release()
  })

  const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((file) => existsSync(file))
  const skip = prlimit === undefined && 'prlimit is not installed'
  it('records children again once a full disk has room', { skip }, async (t) => {
    // A limit of file sizes refuses a write as a full disk does, for this process alone.
    const limitFiles = (bytes: string): void =>
      void execFileSync(prlimit!, ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
    const folder = await dataDir(t)
    const lock = await lockDataDir(folder)
    const [first, second] = [await sleeper(t), await sleeper(t)]
    const exited = new Promise<never>(() => undefined)
    limitFiles('0')
    try {
      await assert.rejects(lock.record({ pid: first.pid, exited }), { code: 'EFBIG' })
    } finally {
      limitFiles('unlimited')
    }
    assert.deepEqual(await readdir(folder), ['stack.lock'])
    await lock.record({ pid: second.pid, exited })
    const { children } = JSON.parse(await readFile(lock.file, 'utf8')) as {
      children: { pid: number }[]
    }
    assert.deepEqual(
      children.map(({ pid }) => pid),
      [first.pid, second.pid]
    )
    await lock.release()
  })

  it('is not written again when a child ends after the release', async (t) => {
    const folder = await dataDir(t)
    const lock = await lockDataDir(folder)
    const exit = Promise.withResolvers<{ code: number; how: string }>()
    await lock.record({ pid: process.pid, exited: exit.promise })
    await lock.release()
    exit.resolve({ code: 0, how: 'exit code 0' })
    await exit.promise
    await (await lockDataDir(folder)).release()
    assert.deepEqual(await readdir(folder), [])
  })
})
