import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { link, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { TapedeckError } from './errors.ts'

/** A process; its start time tells it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** As the system prints it; empty when it is unknown. */
  readonly started: string
}

export async function processIdentity(pid: number): Promise<ProcessIdentity> {
  return { pid, started: await startOf(pid) }
}

/**
 * Names the space in which a pid means the same process: this start of the kernel and this pid namespace. Two
 * containers may have equal host names and pids. Empty where the system does not tell.
 */
async function processSpace(): Promise<string> {
  if (process.platform === 'linux') {
    const [boot, namespace] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
      readlink('/proc/self/ns/pid').catch(() => '')
    ])
    return boot === '' || namespace === '' ? '' : `${boot.trim()}/${namespace}`
  }
  if (process.platform !== 'darwin') return ''
  return promisify(execFile)('sysctl', ['-n', 'kern.bootsessionuuid'], { timeout: 5000 }).then(
    ({ stdout }) => stdout.trim(),
    () => ''
  )
}

/** A process as others know it: the machine, and the space in which its pid names it. */
export interface LocatedProcess extends ProcessIdentity {
  readonly host: string
  /** See processSpace; absent in documents of earlier versions. */
  readonly space?: string
}

export async function thisProcess(): Promise<LocatedProcess> {
  const space = await processSpace()
  return { host: hostname(), space, ...(await processIdentity(process.pid)) }
}

/** Whether a process is known to have ended. Of one that this process cannot see, nothing is known: false. */
export async function hasEnded(other: LocatedProcess): Promise<boolean> {
  return (await isVisible(other)) && !(await isSame(other))
}

/** Whether this process can see if another one runs: it has the same machine and the same space. */
export async function isVisible({ host, space }: LocatedProcess): Promise<boolean> {
  return host === hostname() && space === (await processSpace())
}

/** Whether that very process still runs. */
export async function isSame({ pid, started }: ProcessIdentity): Promise<boolean> {
  if (!isAlive(pid)) return false
  const now = await startOf(pid)
  return started === '' || now === '' || now === started
}

/** Whether a process with that pid exists; one of another user counts. */
function isAlive(pid: number): boolean {
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
    const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // The name in brackets may contain spaces: fields are counted from its end.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    if (fields[FIELD_STATE] === 'Z') return 'ended' // waits only for its parent to notice
    return fields[FIELD_START] ?? ''
  }
  return promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 5000 }).then(
    ({ stdout }) => stdout.trim(),
    () => ''
  )
}

/** The content of a lock file: its owner, and what the owner adds. */
export interface LockContent {
  readonly owner: ProcessIdentity
}

const TRIES = 5

/**
 * Creates the lock file of a folder for this process. The lock of a process that is gone is taken over.
 *
 * @param variable the environment variable that names the folder, for the message
 * @param options.content what the file holds besides the owner
 * @param options.beforeTakeover runs while the stale lock still keeps other processes out
 * @returns the owner in the file, which is this process
 * @throws DATA_DIR_IN_USE with the pid of the owner
 */
export async function takeLock(
  file: string,
  variable: string,
  {
    content = {},
    beforeTakeover
  }: {
    readonly content?: object
    readonly beforeTakeover?: (stale: LockContent) => Promise<void>
  } = {}
): Promise<ProcessIdentity> {
  const folder = path.dirname(file)
  const owner = await processIdentity(process.pid)
  for (let tried = 0; tried < TRIES; tried++) {
    if (await createWhole(file, JSON.stringify({ owner, ...content }))) return owner
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const other = contentOf(text)
    // In a container a later process often has the pid of the earlier one: its start time differs.
    if (other !== undefined && (await isSame(other.owner))) {
      throw new TapedeckError(
        'DATA_DIR_IN_USE',
        `Cannot use ${folder}: process ${other.owner.pid} runs there, expected a folder of its own ` +
          `(stop it, or set ${variable})`
      )
    }
    if (other !== undefined) await beforeTakeover?.(other)
    await removeStale(file, text)
  }
  throw new TapedeckError(
    'DATA_DIR_IN_USE',
    `Cannot lock ${folder}: other processes try at the same time`
  )
}

/** Undefined when the file is missing or is no lock file. */
export async function readLock(file: string): Promise<LockContent | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : contentOf(text)
}

function contentOf(text: string): LockContent | undefined {
  try {
    const content = JSON.parse(text) as LockContent
    return Number.isInteger(content.owner.pid) ? content : undefined
  } catch {
    return undefined
  }
}

/** Creates a file with all of its content at once, by a link; false when it exists. */
async function createWhole(file: string, content: string): Promise<boolean> {
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

/** A takeover lasts milliseconds; a guard that is older belongs to a killed process. */
const TAKEOVER_LIMIT_MS = 10_000

/**
 * Removes a stale lock with the content `seen`, one process at a time, under a guard file. Without the
 * guard two processes could see the same stale lock, and the slower one would remove the new lock of the
 * faster one.
 */
async function removeStale(file: string, seen: string): Promise<void> {
  const guard = `${file}.takeover`
  if (!(await createWhole(guard, ''))) {
    const ageMs = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0
    )
    if (ageMs > TAKEOVER_LIMIT_MS) await rm(guard, { force: true })
    return
  }
  try {
    const present = await readFile(file, 'utf8').catch(() => undefined)
    if (present === seen) await rm(file, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}
