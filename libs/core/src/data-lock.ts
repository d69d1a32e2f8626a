import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from './clock.ts'
import {
  isSame,
  processIdentity,
  readLock,
  takeLock,
  type LockContent,
  type ProcessIdentity
} from './lock-file.ts'

/** The exclusive right to a data folder: other processes are refused while it is held. */
export interface DataLock {
  readonly file: string
  readonly owner: ProcessIdentity
  /** Records a child of the owner until it exits. */
  record(child: { readonly pid: number; readonly exited: Promise<unknown> }): Promise<void>
  release(): Promise<void>
}

interface StackLock extends LockContent {
  readonly children: readonly ProcessIdentity[]
}

/** Time for the children of a killed stack to exit before they get SIGKILL. */
const CHILDREN_LIMIT_MS = 10_000
const CHECK_EVERY_MS = 50

/**
 * Acquires the lock of a data folder and creates the folder if necessary. The lock of a process that is gone
 * is taken over once the children recorded in it have exited.
 *
 * @throws DATA_DIR_IN_USE with the pid of the owner
 */
export async function lockDataDir(dataDir: string): Promise<DataLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await chmod(dataDir, 0o700) // one of an earlier version may be open to others
  const file = lockFile(dataDir)
  const owner = await takeLock(file, 'TAPEDECK_DATA_DIR', {
    content: { children: [] },
    // The stale lock must keep other stacks out until the folder is free.
    beforeTakeover: (stale) => untilExited(childrenOf(stale))
  })
  return held(file, owner)
}

/** The pid of the stack that uses a data folder now, if any. */
export async function lockOwner(dataDir: string): Promise<number | undefined> {
  const lock = await readLock(lockFile(dataDir))
  return lock !== undefined && (await isSame(lock.owner)) ? lock.owner.pid : undefined
}

/** Whether the owner of a data folder is gone and has left its lock there. */
export async function isLeftBehind(dataDir: string): Promise<boolean> {
  const lock = await readLock(lockFile(dataDir))
  return lock !== undefined && !(await isSame(lock.owner))
}

/**
 * Ends the children recorded in a lock file: SIGTERM, after ten seconds SIGKILL. Does nothing when the
 * lock is gone or has another owner.
 */
export async function endRecordedChildren(file: string, owner: ProcessIdentity): Promise<void> {
  const lock = await readLock(file)
  if (lock?.owner.pid !== owner.pid || lock.owner.started !== owner.started) return
  const children = childrenOf(lock)
  for (const child of children) if (await isSame(child)) signalGroup(child.pid, 'SIGTERM')
  await untilExited(children)
}

function lockFile(dataDir: string): string {
  return path.join(dataDir, 'stack.lock')
}

function held(file: string, owner: ProcessIdentity): DataLock {
  let children: readonly ProcessIdentity[] = []
  let isReleased = false
  let writing = Promise.resolve()
  const writeNow = async (): Promise<void> => {
    if (isReleased) return // a child that exits later must not bring the file back
    const temporary = `${file}.${owner.pid}`
    try {
      await writeFile(temporary, JSON.stringify({ owner, children } satisfies StackLock))
      await rename(temporary, file)
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw cause
    }
  }
  const write = (): Promise<void> => {
    // A write that failed, on a full disk for instance, must not refuse those after it.
    writing = writing.catch(() => undefined).then(writeNow)
    return writing
  }
  return {
    file,
    owner,
    async record({ pid, exited }) {
      const identity = await processIdentity(pid)
      children = [...children, identity]
      await write()
      const forget = async (): Promise<void> => {
        await exited
        children = children.filter((child) => child.pid !== pid)
        await write()
      }
      // A record of a process that is gone is harmless.
      forget().catch(() => undefined)
    },
    async release() {
      await writing.catch(() => undefined)
      isReleased = true
      await rm(file, { force: true })
    }
  }
}

/** Waits until all have exited; those that have not after ten seconds get SIGKILL. */
async function untilExited(children: readonly ProcessIdentity[]): Promise<void> {
  const deadlineMs = Date.now() + CHILDREN_LIMIT_MS
  for (const child of children) {
    while (await isSame(child)) {
      if (Date.now() > deadlineMs) signalGroup(child.pid, 'SIGKILL')
      await systemClock.delay(CHECK_EVERY_MS)
    }
  }
}

/** Signals a child of a guard and what it has started: it leads a process group (guard.ts). */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal)
      return
    } catch {
      // No such group, or it exited in the meantime.
    }
  }
}

function childrenOf(lock: LockContent): readonly ProcessIdentity[] {
  const { children } = lock as Partial<StackLock>
  return Array.isArray(children) ? children : []
}
