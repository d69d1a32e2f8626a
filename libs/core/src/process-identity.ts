import { readFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A process that is told from a later one with the same number by when it started. */
export interface ProcessIdentity {
  readonly pid: number
  /** As the system words it; empty when it cannot be known. */
  readonly started: string
}

export async function processIdentity(pid: number): Promise<ProcessIdentity> {
  return { pid, started: await startOf(pid) }
}

/** Whether that very process still runs. */
export async function isSame({ pid, started }: ProcessIdentity): Promise<boolean> {
  if (!isAlive(pid)) return false
  const now = await startOf(pid)
  return started === '' || now === '' || now === started
}

/** Whether a process with that number exists; one of another user counts. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const FIELD_STATE = 0
const FIELD_START = 19

async function startOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // The name in brackets may hold spaces: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[FIELD_STATE] === 'Z') return 'ended' // waits only for its parent to take notice
    return fields[FIELD_START] ?? ''
  }
  return promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 5000 }).then(
    ({ stdout }) => stdout.trim(),
    () => ''
  )
}
