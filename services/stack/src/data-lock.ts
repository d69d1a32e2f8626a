import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createLockFile, removeStaleLock, TapedeckError } from '@tapedeck/core'
import type { Child } from './child.ts'
import { isSame, processIdentity, type ProcessIdentity } from '@tapedeck/core'

/** The right to a data folder; other stacks are refused while it is held. */
export interface DataLock {
  /** Notes a child until it ends, so that a later stack knows what a killed one left behind. */
  track(child: Pick<Child, 'pid' | 'exited'>): Promise<void>
  release(): Promise<void>
}

interface LockFile {
  readonly owner: ProcessIdentity
  readonly children: readonly ProcessIdentity[]
}

const TRIES = 5
/** How long children of a killed stack may take to end before they are killed. */
const LEFTOVER_LIMIT_MS = 10_000
const CHECK_EVERY_MS = 50

/**
 * Takes the lock of a data folder, which is created if need be. A lock whose process is gone is
 * taken over, after what that stack left running has ended.
 *
 * @throws DATA_DIR_IN_USE with the pid that has it
 */
export async function lockDataDir(dataDir: string): Promise<DataLock> {
  await mkdir(dataDir, { recursive: true })
  const file = lockFile(dataDir)
  const owner = await processIdentity(process.pid)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await createLockFile(file, JSON.stringify({ owner, children: [] })))
      return held(file, owner)
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const other = parse(text)
    if (other !== undefined && (await isSame(other.owner))) {
      throw new TapedeckError(
        'DATA_DIR_IN_USE',
        `Cannot use ${dataDir}: process ${other.owner.pid} runs there, expected a folder of its own ` +
          `(stop it, or set TAPEDECK_DATA_DIR)`
      )
    }
    if (await removeStaleLock(file, text)) await endLeftovers(other?.children ?? [])
  }
  throw new TapedeckError('DATA_DIR_IN_USE', `Cannot lock ${dataDir}: others try at the same time`)
}

/** The pid of the stack that uses a data folder now, if any. */
export async function lockOwner(dataDir: string): Promise<number | undefined> {
  const text = await readFile(lockFile(dataDir), 'utf8').catch(() => undefined)
  const lock = text === undefined ? undefined : parse(text)
  return lock !== undefined && (await isSame(lock.owner)) ? lock.owner.pid : undefined
}

function lockFile(dataDir: string): string {
  return path.join(dataDir, 'stack.lock')
}

function held(file: string, owner: ProcessIdentity): DataLock {
  let children: readonly ProcessIdentity[] = []
  let isReleased = false
  let writing = Promise.resolve()
  const writeNow = async (): Promise<void> => {
    if (isReleased) return // a child's late end must not bring the file back
    const temporary = `${file}.${owner.pid}`
    await writeFile(temporary, JSON.stringify({ owner, children } satisfies LockFile))
    await rename(temporary, file)
  }
  const write = (): Promise<void> => {
    writing = writing.then(writeNow)
    return writing
  }
  const forget = async ({ pid, exited }: Pick<Child, 'pid' | 'exited'>): Promise<void> => {
    await exited
    children = children.filter((child) => child.pid !== pid)
    await write()
  }
  return {
    async track(child) {
      const identity = await processIdentity(child.pid)
      children = [...children, identity]
      await write()
      // Only a note: that it could not be written is no reason to end what runs.
      forget(child).catch(() => undefined)
    },
    async release() {
      await writing.catch(() => undefined)
      isReleased = true
      await rm(file, { force: true })
    }
  }
}

async function endLeftovers(children: readonly ProcessIdentity[]): Promise<void> {
  const deadlineMs = Date.now() + LEFTOVER_LIMIT_MS
  for (const child of children) {
    while (await isSame(child)) {
      if (Date.now() > deadlineMs) process.kill(child.pid, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS))
    }
  }
}

function parse(text: string): LockFile | undefined {
  try {
    const lock = JSON.parse(text) as LockFile
    return Number.isInteger(lock.owner.pid) && Array.isArray(lock.children) ? lock : undefined
  } catch {
    return undefined
  }
}
