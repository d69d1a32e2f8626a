import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  createLockFile,
  isSame,
  processIdentity,
  removeStaleLock,
  TapedeckError,
  type ProcessIdentity
} from '@tapedeck/core'

const TRIES = 5

/**
 * Takes the right to a spool folder; the answer gives it back. The lock of a process that is gone is
 * taken over: a killed producer's successor starts at once.
 *
 * @throws DATA_DIR_IN_USE with the pid that has it
 */
export async function lockSpool(dir: string): Promise<() => Promise<void>> {
  const file = path.join(dir, 'lock')
  const { pid: ownPid, started } = await processIdentity(process.pid)
  const own = `${ownPid} ${started}`
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await createLockFile(file, own)) return () => rm(file, { force: true })
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const owner = parse(text)
    // In a container a later producer often has the number of the earlier one: the start tells.
    if (owner !== undefined && (await isSame(owner))) {
      throw new TapedeckError(
        'DATA_DIR_IN_USE',
        `Cannot use ${dir}: process ${owner.pid} spools there, expected a folder of its own ` +
          `(stop it, or set SPOOL_DIR)`
      )
    }
    await removeStaleLock(file, text)
  }
  throw new TapedeckError('DATA_DIR_IN_USE', `Cannot lock ${dir}: others try at the same time`)
}

/** The owner as the lock file has it: number and start of the process; undefined when it names none. */
function parse(text: string): ProcessIdentity | undefined {
  const [number, ...started] = text.split(' ')
  const pid = Number(number)
  return Number.isInteger(pid) && pid > 0 ? { pid, started: started.join(' ') } : undefined
}
