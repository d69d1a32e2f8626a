import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { systemClock, TapedeckError } from '@tapedeck/core'
import { megabytes, type Progress } from './screen.ts'
import { DISK, type Troubles } from './troubles.ts'

/** MongoDB reserves files of 100 MB for its journal and ends when it cannot. */
const LEAST_BYTES = 150e6
/** A disk that is at the limit is not named again and again. */
const ROOM_BYTES = 1.2 * LEAST_BYTES
const LOOK_EVERY_MS = 1000

/**
 * Bytes that may be written to the disk of a folder, which need not exist yet.
 * @throws what statfs throws, where the system does not tell
 */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestFolder(folder))
  return bavail * bsize
}

async function nearestFolder(folder: string): Promise<string> {
  for (let at = folder; ; at = path.dirname(at)) {
    const stats = await statfs(at).catch(() => undefined)
    if (stats !== undefined || at === path.dirname(at)) return at
  }
}

/** @throws DISK_FULL when the servers could not even start */
export async function checkRoom(dataDir: string, look = freeBytes): Promise<void> {
  const free = await look(dataDir).catch(() => Infinity)
  if (free >= LEAST_BYTES) return
  throw new TapedeckError(
    'DISK_FULL',
    `Cannot start: the disk of ${dataDir} has ${megabytes(free)} left, expected ${megabytes(LEAST_BYTES)} or more`
  )
}

interface DiskWatch {
  readonly progress: Progress
  readonly troubles: Troubles
  readonly signal: AbortSignal
  /** How many bytes may be written. */
  readonly look?: typeof freeBytes
  readonly everyMs?: number
}

/** Says once that the disk of the data folder is nearly full, and once that it has room again, until the signal aborts. */
export async function watchDisk(
  dataDir: string,
  { progress, troubles, signal, look = freeBytes, everyMs = LOOK_EVERY_MS }: DiskWatch
): Promise<void> {
  while (!signal.aborted) {
    const free = await look(dataDir).catch(() => Infinity)
    const disk = `disk of ${dataDir} has ${megabytes(free)} left`
    if (free < LEAST_BYTES && !troubles.isOpen(DISK)) {
      troubles.begin(DISK)
      progress.warn(
        `The ${disk}, expected ${megabytes(LEAST_BYTES)} or more: Kafka and MongoDB end when it is full, and are started ` +
          'again when there is room'
      )
    } else if (free >= ROOM_BYTES && troubles.isOpen(DISK)) {
      troubles.end(DISK)
      progress.say(`There is room again: the ${disk}`)
    }
    await systemClock.delay(everyMs, signal).catch(() => undefined)
  }
}
