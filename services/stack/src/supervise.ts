import { fullJitter, messageOf, retry, TapedeckError } from '@tapedeck/core'
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

const delayMs = fullJitter({ baseMs: 500, capMs: 15_000 })
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
  let isRunning = true

  // A server of the user's own never exits: the stop must end the watch by itself.
  const stopped = Promise.withResolvers<undefined>()
  stopping.signal.addEventListener('abort', () => stopped.resolve(undefined))

  // A run from its start to its end, which is always a failure, so that each is tried again.
  let finalExit: TapedeckError | undefined
  const runOnce = async (): Promise<void> => {
    if (!isRunning) {
      current = await again(stopping.signal)
      isRunning = true
      progress.say(`${name} runs again (pid ${current.pid ?? 'unknown'})`)
    }
    const exit = await Promise.race([current.exited, stopped.promise])
    if (exit === undefined) return
    isRunning = false
    const failure = new TapedeckError('SERVER_FAILED', `${name} ended with ${exit.how}`)
    if (isFinal(exit)) finalExit = failure
    throw failure
  }
  const watching = retry(runOnce, {
    delayMs,
    signal: stopping.signal,
    stableMs: HEALTHY_MS,
    isRetryable: (error) => error !== finalExit,
    onRetry: (error, waitMs) =>
      progress.warn(`${messageOf(error)}; starting it again in ${(waitMs / 1000).toFixed(1)} s`)
  }).catch((error: unknown) => {
    if (!stopping.signal.aborted && error instanceof TapedeckError) onFinal(error)
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
