import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createLockFile, removeStaleLock, TapedeckError } from '@tapedeck/core'

const TRIES = 5

/**
 * Takes the right to a spool folder; the answer gives it back. The lock of a process that is gone is
 * taken over: a killed producer's successor starts at once.
 *
 * @throws DATA_DIR_IN_USE with the pid that has it
 */
export async function lockSpool(dir: string): Promise<() => Promise<void>> {
  const file = path.join(dir, 'lock')
  const own = await identityOf(process.pid)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await createLockFile(file, own)) return () => rm(file, { force: true })
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const pid = Number(text.split(' ')[0])
    // In a container a later producer often has the number of the earlier one: the start tells.
    if (isAlive(pid) && (await identityOf(pid)) === text) {
      throw new TapedeckError(
        'DATA_DIR_IN_USE',
        `Cannot use ${dir}: process ${pid} spools there, expected a folder of its own ` +
          `(stop it, or set SPOOL_DIR)`
      )
    }
    await removeStaleLock(file, text)
  }
  throw new TapedeckError('DATA_DIR_IN_USE', `Cannot lock ${dir}: others try at the same time`)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Number and start of a process; where the system does not tell the start, the number alone. */
async function identityOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in brackets may hold spaces: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie waits only for its parent to take notice.
  return `${pid} ${fields[0] === 'Z' ? 'ended' : (fields[19] ?? '')}`
}
