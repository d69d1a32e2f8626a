import { setTimeout as sleep } from 'node:timers/promises'

/** A process that may run does so for this long. */
const WINDOW_MS = 10

/**
 * Lets a process run only a part of the time, as on a slow core of its own. The servers then have most of the machine, and
 * what several processes store shows what a further one gives on a machine with a core for it.
 *
 * @param percent of the time that it runs, 1 to 99
 * @returns lets it run on as before
 */
export function slowDown(pid: number, percent: number): () => Promise<void> {
  const waitMs = (WINDOW_MS * 100) / percent - WINDOW_MS
  const over = new AbortController()
  const turns = async (): Promise<void> => {
    while (!over.signal.aborted && signal(pid, 'SIGSTOP')) {
      await sleep(waitMs)
      signal(pid, 'SIGCONT')
      await sleep(WINDOW_MS)
    }
  }
  const running = turns()
  return async () => {
    over.abort()
    await running
  }
}

/** Returns false when the process is gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
