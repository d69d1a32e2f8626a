const TICK_MS = 1000

/**
 * Waits for work and calls `tick` about every second meanwhile: a group member that waits for the
 * database must still send heartbeats. Ends with what the work or the tick threw.
 */
export async function whileWaiting<T>(work: Promise<T>, tick: () => Promise<void>): Promise<T> {
  for (;;) {
    const timeout = Promise.withResolvers<typeof WAITING>()
    const timer = setTimeout(() => timeout.resolve(WAITING), TICK_MS)
    try {
      const result = await Promise.race([work, timeout.promise])
      if (result !== WAITING) return result
    } finally {
      clearTimeout(timer)
    }
    await tick()
  }
}

const WAITING = Symbol('waiting')
