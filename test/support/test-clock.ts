import { setImmediate as turn } from 'node:timers/promises'
import { TapedeckError, type Clock } from '@tapedeck/core'

interface Wait {
  readonly dueMs: number
  readonly resolve: () => void
}

/** Time that moves only when the test says so. Real sockets go on meanwhile. */
export class TestClock implements Clock {
  #nowMs: number
  readonly #waits = new Set<Wait>()

  constructor(startMs = Date.UTC(2026, 2, 10, 14)) {
    this.#nowMs = startMs
  }

  /** Waits that neither ended nor were aborted. */
  get waiting(): number {
    return this.#waits.size
  }

  now(): number {
    return this.#nowMs
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = (): void => {
      this.#waits.delete(wait)
      reject(new TapedeckError('ABORTED', `Waiting ${ms} ms was aborted`))
    }
    const wait: Wait = {
      dueMs: this.#nowMs + ms,
      resolve: () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
    }
    if (signal?.aborted === true) abort()
    else {
      this.#waits.add(wait)
      signal?.addEventListener('abort', abort, { once: true })
    }
    return promise
  }

  /** Moves on, ending each wait at its own moment; between two of them others get their turn. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.#waits].sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined || next.dueMs > untilMs) break
      this.#waits.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.resolve()
      await turn()
    }
    this.#nowMs = untilMs
    await turn()
  }
}
