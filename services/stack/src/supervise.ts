import { fullJitter, messageOf, retry, TapedeckError, type ChildExit } from '@tapedeck/core'
import { watchHealth } from './health-watch.ts'
import type { Progress } from './screen.ts'
import { DISK, Troubles } from './troubles.ts'

/** A process or server that runs and may end by itself. */
export interface Running {
  /** Undefined for a process that is not a child of the stack. */
  readonly pid: number | undefined
  /** Resolves when it has ended; never for a process that is not a child of the stack. */
  readonly exited: Promise<ChildExit>
  /** In words what keeps it from working though it runs; undefined when nothing does. */
  readonly problem?: () => Promise<string | undefined>
  stop(limitMs: number): Promise<void>
}

/** A broker or database: one that the stack started, or one of the user's own. */
export interface RunningServer extends Running {
  /** host:port of the broker, or the URI of the database. */
  readonly address: string
  /** In words: version and origin. */
  readonly description: string
}

export const neverExits = new Promise<never>(() => undefined)

/**
 * The user's own server at `address`, once `ping` has resolved. A stop does not affect it.
 * @throws SERVER_MISSING with the name of the variable that holds its address, and the reason
 */
export async function externalServer(
  variable: string,
  address: string,
  ping: () => Promise<unknown>
): Promise<RunningServer> {
  await ping().catch((cause: unknown) => {
    throw new TapedeckError('SERVER_MISSING', `${variable}: ${messageOf(cause)}`, { cause })
  })
  return {
    pid: undefined,
    address,
    description: `yours (${variable})`,
    exited: neverExits,
    problem: () => ping().then(() => undefined, messageOf),
    stop: () => Promise.resolve()
  }
}

/** A process that is started again whenever it ends. */
export interface Supervised<R extends Running> {
  /** The present one, or the last one while the next is being started. */
  current(): R
  /** Stops it; it is not started again. */
  stop(limitMs: number): Promise<void>
}

/** After a run of this length the next restart is quick again, and the next trouble is a new one. */
const HEALTHY_MS = 30_000
const LONGEST_WAIT_MS = 15_000

/**
 * Keeps a process running: when it ends, `again` starts it, after pauses that grow while it keeps ending.
 * Each trouble is printed once, and once that it is over: that it ended (a process that keeps ending is one trouble),
 * or that it runs and is not ready. An exit for which `isFinal` is true is not followed by a restart; it is reported
 * to `onFinal`.
 */
export function supervise<R extends Running>(
  name: string,
  first: R,
  {
    again,
    progress,
    troubles = new Troubles(),
    isRoot = false,
    healthyMs = HEALTHY_MS,
    isFinal = () => false,
    onFinal = () => undefined
  }: {
    readonly again: (signal: AbortSignal) => Promise<R>
    readonly progress: Progress
    readonly troubles?: Troubles
    /** Whether its trouble explains those of the services. */
    readonly isRoot?: boolean
    /** A run of this length ends the trouble. */
    readonly healthyMs?: number
    readonly isFinal?: (exit: ChildExit) => boolean
    readonly onFinal?: (error: TapedeckError) => void
  }
): Supervised<R> {
  const stopping = new AbortController()
  let current = first
  let isRunning = true
  let finalExit: TapedeckError | undefined
  /** Since it last ran for `healthyMs`: what was printed, and how often it was started again. */
  const told = new Set<string>()
  let restarts = 0
  const overAfter = (): NodeJS.Timeout =>
    setTimeout(() => {
      if (restarts > 1) sayRunning()
      restarts = 0
      told.clear()
    }, healthyMs)
  const sayRunning = (): void =>
    progress.say(`${name} runs again (pid ${current.pid ?? 'unknown'})`)
  const warn = (text: string, waitMs: number): void => {
    // While the disk is full it is enough to know which of the servers have ended.
    if (told.size > 0 && troubles.isOpen(DISK)) return
    const kind = text.replaceAll(/\d+/g, '#')
    if (told.has(kind)) {
      const often = `${name} keeps ending; it is started again every ${LONGEST_WAIT_MS / 1000} s or sooner`
      if (!told.has(often)) progress.warn(often)
      told.add(often)
      return
    }
    told.add(kind)
    progress.warn(`${text}; starting it again in ${(waitMs / 1000).toFixed(1)} s`)
  }

  // A server that never exits by itself is watched until the stop.
  const stopped = Promise.withResolvers<undefined>()
  stopping.signal.addEventListener('abort', () => stopped.resolve(undefined))

  const setTrouble = (isWrong: boolean): void => {
    if (!isRoot) return
    if (isWrong) troubles.begin(name)
    else troubles.end(name)
  }
  const isExplained = (): boolean => !isRoot && troubles.explain()
  const watch = (signal: AbortSignal): void => {
    const ask = current.problem
    if (ask === undefined) return
    void watchHealth({ name, ask, progress, isExplained, onChange: setTrouble, signal })
  }

  // A start up to the exit is one try; the exit counts as a failure and is retried.
  const runOnce = async (): Promise<void> => {
    if (!isRunning) {
      current = await again(stopping.signal)
      isRunning = true
      setTrouble(false)
      if (++restarts === 1) sayRunning()
    }
    const over = overAfter()
    const ending = new AbortController()
    watch(ending.signal)
    const exit = await Promise.race([current.exited, stopped.promise]).finally(() => {
      clearTimeout(over)
      ending.abort()
    })
    if (exit === undefined) return
    isRunning = false
    setTrouble(true)
    const failure = new TapedeckError('SERVER_FAILED', `${name} ended with ${exit.how}`)
    if (isFinal(exit)) finalExit = failure
    throw failure
  }
  const watching = retry(runOnce, {
    delayMs: fullJitter({ baseMs: 500, capMs: LONGEST_WAIT_MS }),
    signal: stopping.signal,
    stableMs: healthyMs,
    isRetryable: (error) => error !== finalExit,
    onRetry: (error, waitMs) => warn(messageOf(error), waitMs)
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
