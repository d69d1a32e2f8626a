import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, isLeftBehind, lockDataDir, openGuard, type Env, type Guard } from '@tapedeck/core'

/** The guard of a worker's modules, with a folder of the worker's own for the record of them. */
export interface ModuleGuard {
  /** Opens it at the first call: a worker that runs no modules needs none. */
  open(): Promise<Guard>
  /** Ends the modules that still run. */
  close(): Promise<void>
}

/** The folder of all workers below TAPEDECK_DATA_DIR. */
const FOLDER = 'batch-workers'

/** @param env of the guard process */
export function moduleGuard(dataDir: string, env: Env): ModuleGuard {
  const all = path.join(dataDir, FOLDER)
  const own = path.join(all, randomBytes(6).toString('hex'))
  const opening = async () => {
    await endLeftBehind(all)
    const lock = await lockDataDir(own)
    return { lock, guard: openGuard(lock, env) }
  }
  let opened: ReturnType<typeof opening> | undefined
  return {
    async open() {
      opened ??= opening()
      try {
        return (await opened).guard
      } catch (error) {
        // On a disk that is full, for instance: the next module tries again.
        opened = undefined
        throw error
      }
    },
    async close() {
      const found = await opened?.catch(() => undefined)
      if (found === undefined) return
      const { lock, guard } = found
      await guard.close()
      await lock.release()
      await rm(own, { recursive: true, force: true })
    }
  }
}

/** Ends the modules of workers that died with their guard. */
async function endLeftBehind(all: string): Promise<void> {
  const names = await readdir(all).catch(() => [])
  for (const name of names) {
    const folder = path.join(all, name)
    // A folder without a lock may be one that its worker is about to lock.
    if (!(await isLeftBehind(folder))) continue
    try {
      const lock = await lockDataDir(folder)
      await lock.release()
      await rm(folder, { recursive: true, force: true })
    } catch (error) {
      // Another worker does the same.
      if (!hasCode(error, 'DATA_DIR_IN_USE')) throw error
    }
  }
}
