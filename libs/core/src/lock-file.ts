import { randomBytes } from 'node:crypto'
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises'

/**
 * Creates a file that must not be there yet. True: it is ours, with all of its content, for a link
 * appears whole or not at all; false: somebody else's is there.
 */
export async function createLockFile(file: string, content: string): Promise<boolean> {
  const temporary = besides(file)
  try {
    await writeFile(temporary, content)
    await link(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Taking over lasts some milliseconds; whoever needs longer was killed in the middle of it. */
const TAKEOVER_LIMIT_MS = 10_000

/**
 * Removes a lock whose owner is gone. True: the one that was `seen` is gone by our hand; false: somebody
 * else is at it, or was.
 *
 * Only one at a time may remove, under a guard beside the lock. Without it two could see the same stale
 * lock, and the slower one would remove what the quicker one had made meanwhile.
 */
export async function removeStaleLock(file: string, seen: string): Promise<boolean> {
  const guard = `${file}.takeover`
  if (!(await createLockFile(guard, ''))) {
    await removeAbandoned(guard)
    return false
  }
  try {
    const present = await readFile(file, 'utf8').catch(() => undefined)
    if (present !== seen) return false
    await rm(file, { force: true })
    return true
  } finally {
    await rm(guard, { force: true })
  }
}

async function removeAbandoned(guard: string): Promise<void> {
  const age = await stat(guard).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0
  )
  if (age > TAKEOVER_LIMIT_MS) await rm(guard, { force: true })
}

function besides(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}`
}
