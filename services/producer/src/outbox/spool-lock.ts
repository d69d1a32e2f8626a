import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'

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
    if (await create(file, own)) return () => rm(file, { force: true })
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
    await removeStale(file, text)
  }
  throw new TapedeckError('DATA_DIR_IN_USE', `Cannot lock ${dir}: others try at the same time`)
}

/** True: the lock is ours. A link appears whole or not at all, unlike a file being written. */
async function create(file: string, content: string): Promise<boolean> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
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

/** A fresh lock that came in between is put back. */
async function removeStale(file: string, seen: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await rename(file, aside)
  } catch {
    return // another one was quicker
  }
  if ((await readFile(aside, 'utf8')) !== seen) await link(aside, file).catch(() => undefined)
  await rm(aside, { force: true })
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
