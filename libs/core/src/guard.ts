import { spawn, type ChildProcess } from 'node:child_process'
import { addAbortListener, once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { withTimeout } from './clock.ts'
import { signalGroup, type DataLock } from './data-lock.ts'
import type { Env } from './env.ts'
import { messageOf, TapedeckError } from './errors.ts'

/**
 * Starts the child processes of a stack, or of a worker. No child outlives its owner, whatever ends it (kill -9 included):
 *
 * 1. Each child is recorded in the lock file of the owner's folder before its program begins.
 * 2. A second process, the guard (guard-main.ts), reads a pipe whose other end only the owner holds. The
 *    kernel closes that end when the owner dies; then the guard ends every recorded child.
 * 3. If the guard was killed as well, the next owner of that folder ends the recorded children before
 *    it starts its own (data-lock.ts).
 *
 * What a child has started itself is ended with it, as long as it stays in the child's process group.
 */
export interface Guard {
  /**
   * Starts a program in a process group of its own: Ctrl-C then reaches the owner alone, which stops
   * its children in order.
   *
   * @throws SERVER_FAILED when it cannot be spawned or recorded
   */
  start(command: string, args: readonly string[], options: ChildOptions): Promise<Child>
  /** Ends the children that still run, then the guard process. */
  close(): Promise<void>
}

export interface ChildOptions {
  readonly env: Env
  readonly cwd?: string
  /** The file for standard output and error, or what is called with each piece of them. */
  readonly log: FileHandle | ((piece: Buffer) => void)
  /** True: with an IPC channel, over which a service reports that it has started. */
  readonly hasChannel?: boolean
}

export interface Child {
  readonly pid: number
  readonly exited: Promise<ChildExit>
  /** Resolves when all that it printed was passed to the function `log`; at once for a file. */
  readonly printed: Promise<void>
  isRunning(): boolean
  /** Whether it has sent a message over its channel. */
  hasReported(): boolean
  /** SIGTERM, then SIGKILL after `limitMs`; resolves when it has exited. */
  stop(limitMs: number): Promise<void>
}

export interface ChildExit {
  readonly code: number | null
  /** In words: `exit code 1`, `SIGKILL`. */
  readonly how: string
}

/** How a child ends; when the signal aborts before that, it is stopped and killed after `limitMs`. */
export async function exitOf(
  child: Child,
  signal: AbortSignal,
  limitMs: number
): Promise<ChildExit> {
  let stopped: Promise<void> | undefined
  const listener = addAbortListener(signal, () => {
    stopped = child.stop(limitMs)
  })
  const exit = await child.exited
  listener[Symbol.dispose]()
  await stopped
  return exit
}

const GUARD_PROGRAM = fileURLToPath(new URL('guard-main.ts', import.meta.url))
const GUARD_RESTART_MS = 1000
/** A killed process ends at once; this bounds the wait for its exit event. */
const KILL_LIMIT_MS = 2000
/**
 * A child begins as a shell that waits for a line and then becomes the program, with the same pid. If
 * the owner dies before it has recorded the child, the shell reads the end of its input and exits.
 */
const WAIT_UNTIL_RECORDED = 'read -r line && exec "$@" </dev/null'

/** Opens the guard of the process that holds `lock`. A guard process that ends is started again. */
export function openGuard(lock: DataLock, guardEnv: Env): Guard {
  let isClosing = false
  let guard = startGuard(lock, guardEnv)
  const restart = (): void => {
    if (isClosing) return
    guard = startGuard(lock, guardEnv)
    guard.once('exit', restartLater)
  }
  const restartLater = (): void => void setTimeout(restart, GUARD_RESTART_MS).unref()
  guard.once('exit', restartLater)
  return {
    async start(command, args, { env, cwd, log, hasChannel = false }) {
      const output = typeof log === 'function' ? 'pipe' : log.fd
      const spawned = spawn('/bin/sh', ['-c', WAIT_UNTIL_RECORDED, 'sh', command, ...args], {
        env,
        stdio: ['pipe', output, output, ...(hasChannel ? (['ipc'] as const) : [])],
        detached: true,
        ...(cwd !== undefined && { cwd })
      })
      const printed = typeof log === 'function' ? passOn(spawned, log) : Promise.resolve()
      spawned.stdin?.on('error', () => undefined) // it exited before the line came
      try {
        await once(spawned, 'spawn')
        const child = childOf(spawned, printed)
        await lock.record(child)
        spawned.stdin?.end('\n')
        return child
      } catch (cause) {
        spawned.kill('SIGKILL')
        throw new TapedeckError('SERVER_FAILED', `Cannot run ${command}: ${messageOf(cause)}`, {
          cause
        })
      }
    },
    async close() {
      isClosing = true
      if (hasExited(guard)) return
      guard.ref()
      const { promise: exited, resolve } = Promise.withResolvers<void>()
      guard.once('exit', () => resolve())
      guard.stdin?.end()
      await exited
    }
  }
}

function startGuard({ file, owner: { pid, started } }: DataLock, env: Env): ChildProcess {
  const guard = spawn(process.execPath, [GUARD_PROGRAM, file, String(pid), started], {
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true // a signal to the stack's process group must not reach it
  })
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  guard.unref()
  return guard
}

async function passOn(
  { stdout, stderr }: ChildProcess,
  log: (piece: Buffer) => void
): Promise<void> {
  const streams = [stdout, stderr].filter((stream) => stream !== null)
  await Promise.all(
    streams.map(async (stream) => {
      stream.on('data', log)
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      stream.once('close', resolve)
      stream.once('error', resolve)
      await ended
    })
  )
}

function childOf(spawned: ChildProcess, printed: Promise<void>): Child {
  const { pid } = spawned
  if (pid === undefined) throw new TapedeckError('SERVER_FAILED', 'The process has no pid')
  spawned.on('error', () => undefined) // whether a kill worked shows in the exit
  const { promise: exited, resolve } = Promise.withResolvers<ChildExit>()
  spawned.once('exit', (code, signal) => resolve({ code, how: signal ?? `exit code ${code}` }))
  let hasReported = false
  spawned.once('message', () => {
    hasReported = true
  })
  const endsWithin = (limitMs: number): Promise<boolean> =>
    withTimeout(exited, limitMs, 'Stopping').then(
      () => true,
      () => false
    )
  return {
    pid,
    exited,
    printed,
    isRunning: () => !hasExited(spawned),
    hasReported: () => hasReported,
    async stop(limitMs) {
      if (hasExited(spawned)) return
      signalGroup(pid, 'SIGTERM')
      if (await endsWithin(limitMs)) return
      signalGroup(pid, 'SIGKILL')
      await endsWithin(KILL_LIMIT_MS)
    }
  }
}

/** True also for a process that could not be spawned. */
function hasExited({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}
