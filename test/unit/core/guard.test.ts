import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import {
  isSame,
  lockDataDir,
  openGuard,
  type ChildOptions,
  type Guard,
  type ProcessIdentity
} from '@tapedeck/core'
import { eventually } from '../../support/eventually.ts'

const PROGRAM = path.join(import.meta.dirname, 'guarded-stack.ts')

async function dataDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-guard-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/** A guard of this process, and a log that its children write to. */
async function guarded(
  t: TestContext
): Promise<{ guard: Guard; options: ChildOptions; logFile: string }> {
  const folder = await dataDir(t)
  const lock = await lockDataDir(folder)
  const guard = openGuard(lock, {})
  const logFile = path.join(folder, 'child.log')
  const log = await open(logFile, 'a')
  t.after(async () => {
    await guard.close()
    await lock.release()
    await log.close()
  })
  return { guard, logFile, options: { env: {}, log } }
}

/** A stack in a process of its own, with a child that sleeps. */
async function spawnStack(
  t: TestContext
): Promise<{ pid: number; child: ProcessIdentity; kill(): Promise<void> }> {
  const folder = await dataDir(t)
  const stack = spawn(process.execPath, [PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(stack, 'exit')
  const kill = async (): Promise<void> => {
    stack.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  const [line] = (await once(createInterface({ input: stack.stdout }), 'line')) as [string]
  return { pid: stack.pid!, child: JSON.parse(line) as ProcessIdentity, kill }
}

/** The guard processes of a stack. */
function guardsOf(pid: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split(
    '\n'
  )
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(
      ([, parent, ...args]) => parent === String(pid) && args.join(' ').includes('guard-main')
    )
    .map(([own]) => Number(own))
}

function isGone(process: ProcessIdentity): Promise<void> {
  return eventually(async () => assert.equal(await isSame(process), false))
}

describe('openGuard()', { timeout: 30_000 }, () => {
  it('ends the child of a stack that is killed', async (t) => {
    const stack = await spawnStack(t)
    assert.ok(await isSame(stack.child))
    await stack.kill()
    await isGone(stack.child)
  })

  it('ends it also when the guard process was killed before', async (t) => {
    const stack = await spawnStack(t)
    const [first] = guardsOf(stack.pid)
    assert.ok(first !== undefined)
    process.kill(first, 'SIGKILL')
    await eventually(() => assert.notEqual(guardsOf(stack.pid)[0] ?? first, first))
    await stack.kill()
    await isGone(stack.child)
  })

  it('begins no program that could not be recorded', async (t) => {
    const { options, logFile } = await guarded(t)
    const guard = openGuard(
      {
        file: path.join(path.dirname(logFile), 'none'),
        owner: { pid: process.pid, started: '' },
        record: () => Promise.reject(new Error('the disk is full')),
        release: () => Promise.resolve()
      },
      {}
    )
    await assert.rejects(guard.start('/bin/echo', ['begun'], options), {
      code: 'SERVER_FAILED',
      message: 'Cannot run /bin/echo: the disk is full'
    })
    await guard.close()
    assert.equal(await readFile(logFile, 'utf8'), '')
  })

  it('says how a child ended, also one that is no program', async (t) => {
    const { guard, options } = await guarded(t)
    const ended = await guard.start('/bin/sh', ['-c', 'exit 3'], options)
    assert.deepEqual(await ended.exited, { code: 3, how: 'exit code 3' })
    assert.equal(ended.isRunning(), false)
    const none = await guard.start('/no/such/program', [], options)
    assert.deepEqual(await none.exited, { code: 127, how: 'exit code 127' })
  })

  it('kills a child that does not stop in time', async (t) => {
    const { guard, options, logFile } = await guarded(t)
    const deaf = 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'
    const child = await guard.start('/bin/sh', ['-c', deaf], { ...options, env: process.env })
    await eventually(async () => assert.match(await readFile(logFile, 'utf8'), /deaf/))
    await child.stop(100)
    assert.equal((await child.exited).how, 'SIGKILL')
  })

  it('ends the remaining children when it closes', async (t) => {
    const { guard, options } = await guarded(t)
    const child = await guard.start('/bin/sleep', ['60'], options)
    await guard.close()
    assert.equal((await child.exited).how, 'SIGTERM')
  })
})
