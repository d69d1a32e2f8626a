import { fullJitterMs, hasCode, messageOf, systemClock, TapedeckError } from '@tapedeck/core'
import type { ChildExit } from './child.ts'
import type { Progress } from './progress.ts'

/** Something that runs and may end by itself. */
export interface Running {
  readonly pid: number | undefined
  readonly exited: Promise<ChildExit>
  stop(limitMs: number): Promise<void>
}

/** Something that is started again whenever it ends. */
export interface Supervised<R extends Running> {
  /** The present one, or the last one while the next is being started. */
  current(): R
  /** Ends it for good. */
  stop(limitMs: number): Promise<void>
}

const BACKOFF = { baseMs: 500, capMs: 15_000 }
/** Having run this long counts as healthy: the next restart is quick again. */
const HEALTHY_MS = 30_000

/**
 * Keeps something running: `again` starts its next life, with growing pauses while it keeps ending.
 * Each end and each return is told. An exit for which `isFinal` is true is not followed by a restart.
 */
export function supervise<R extends Running>(
  name: string,
  first: R,
  {
    again,
    progress,
    isFinal = () => false,
    onFinal = () => undefined
  }: {
    readonly again: (signal: AbortSignal) => Promise<R>
    readonly progress: Progress
    readonly isFinal?: (exit: ChildExit) => boolean
    readonly onFinal?: (error: TapedeckError) => void
  }
): Supervised<R> {
  const stopping = new AbortController()
  let current = first
  let attempt = 0
  let startedAtMs = performance.now()

  // A server of the user's own never exits: the stop must end the watch by itself.
  const stopped = Promise.withResolvers<undefined>()
  stopping.signal.addEventListener('abort', () => stopped.resolve(undefined))

  const watch = async (): Promise<void> => {
    for (;;) {
      const exit = await Promise.race([current.exited, stopped.promise])
      if (exit === undefined || stopping.signal.aborted) return
      if (isFinal(exit)) {
        onFinal(new TapedeckError('SERVER_FAILED', `${name} ended with ${exit.how}`))
        return
      }
      if (performance.now() - startedAtMs > HEALTHY_MS) attempt = 0
      current = await restart(`${name} ended with ${exit.how}`)
      startedAtMs = performance.now()
      progress.say(`${name} runs again (pid ${current.pid ?? 'unknown'})`)
    }
  }
  const restart = async (firstReason: string): Promise<R> => {
    for (let reason = firstReason; ; attempt++) {
      const waitMs = fullJitterMs(attempt, BACKOFF)
      progress.warn(`${reason}; starting it again in ${(waitMs / 1000).toFixed(1)} s`)
      await systemClock.delay(waitMs, stopping.signal)
      try {
        return await again(stopping.signal)
      } catch (error) {
        if (stopping.signal.aborted) throw error
        reason = messageOf(error)
      }
    }
  }
  const watching = watch().catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) onFinal(failed(name, error))
  })
  return {
    current: () => current,
    async stop(limitMs) {
      stopping.abort()
      await current.stop(limitMs)
      await watching
    }
  }
}

function failed(name: string, cause: unknown): TapedeckError {
  return new TapedeckError('SERVER_FAILED', `${name} failed: ${messageOf(cause)}`, { cause })
}
