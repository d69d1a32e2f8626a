import { readdir, readFile } from 'node:fs/promises'

/** A start that works all the time ends as failed after so many limits. */
const MOST_LIMITS = 10
const LOOK_EVERY_MS = 500
/** A process that waits for something wakes up now and then; one that starts computes or waits for a processor. */
const LEAST_SHARE = 0.2
const NANOSECONDS = 1e6

/**
 * How long a process may take to start: `limitMs` in which it does nothing, and ten times that in all. It does
 * something while its log grows and while its threads run or wait for a processor, so that a busy machine does not
 * end a start that goes on.
 */
export class StartLimit {
  readonly #pid: number
  readonly #limitMs: number
  readonly #logBytes: () => Promise<number>
  readonly #startedMs = performance.now()
  #lookedMs = this.#startedMs
  #idleMs = 0
  #bytes = 0
  #busyMs = 0

  constructor(pid: number, limitMs: number, logBytes: () => Promise<number>) {
    this.#pid = pid
    this.#limitMs = limitMs
    this.#logBytes = logBytes
  }

  /** In words why the start has taken too long; undefined while it has not. */
  async exceeded(): Promise<string | undefined> {
    const nowMs = performance.now()
    const elapsedMs = nowMs - this.#lookedMs
    if (elapsedMs >= LOOK_EVERY_MS) {
      const [bytes, busyMs] = await Promise.all([this.#logBytes(), busyMsOf(this.#pid)])
      const isBusy = busyMs - this.#busyMs >= LEAST_SHARE * elapsedMs
      if (bytes === this.#bytes && !isBusy) this.#idleMs += elapsedMs
      this.#lookedMs = nowMs
      this.#bytes = bytes
      this.#busyMs = busyMs
    }
    if (this.#idleMs > this.#limitMs) return `it did nothing for ${this.#limitMs} ms (START_LIMIT)`
    const mostMs = MOST_LIMITS * this.#limitMs
    return nowMs - this.#startedMs > mostMs ? `it took longer than ${mostMs} ms` : undefined
  }
}

/**
 * Milliseconds that the threads of a process ran or waited for a processor: the first two numbers of schedstat
 * (Linux, Documentation/scheduler/sched-stats). 0 on other systems.
 */
async function busyMsOf(pid: number): Promise<number> {
  const folder = `/proc/${pid}/task`
  const threads = await readdir(folder).catch(() => [])
  const times = await Promise.all(
    threads.map(async (thread) => {
      const text = await readFile(`${folder}/${thread}/schedstat`, 'utf8').catch(() => '0 0 0')
      const [ran = 0, waited = 0] = text.split(' ').map(Number)
      return ran + waited
    })
  )
  return times.reduce((sum, one) => sum + one, 0) / NANOSECONDS
}
