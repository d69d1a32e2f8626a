import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { messageOf, TapedeckError, withTimeout, type Env } from '@tapedeck/core'
import type { DataLock } from './lock.ts'

/**
 * Starts the child processes of a stack. No child outlives the stack, whatever ends it (kill -9 included):
 *
 * 1. Each child is recorded in the lock file of the data folder before its program begins.
 * 2. A second process, the guard (guard-main.ts), reads a pipe whose other end only the stack holds. The
 *    kernel closes that end when the stack dies; then the guard ends every recorded child.
 * 3. If the guard was killed as well, the next stack in that folder ends the recorded children before
 *    it starts its own (lock.ts).
 */
export interface Guard {
  /**
   * Starts a program in a process group of its own: Ctrl-C then reaches the stack alone, which stops
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
  /** The file for standard output and error. */
  readonly log: FileHandle
  /** True: with an IPC channel, over which a service reports that it has started. */
  readonly hasChannel?: boolean
}

export interface Child {
  readonly pid: number
  readonly exited: Promise<ChildExit>
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

const GUARD_PROGRAM = fileURLToPath(new URL('guard-main.ts', import.meta.url))
const GUARD_RESTART_MS = 1000
/** A killed process ends at once; this bounds the wait for its exit event. */
const KILL_LIMIT_MS = 2000
/**
 * A child begins as a shell that waits for a line and then becomes the program, with the same pid. If
 * the stack dies before it has recorded the child, the shell reads the end of its input and exits.
 */
const WAIT_UNTIL_RECORDED = 'read -r line && exec "$@" </dev/null'

/** Opens the guard of the stack that holds `lock`. A guard process that ends is started again. */
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
      const spawned = spawn('/bin/sh', ['-c', WAIT_UNTIL_RECORDED, 'sh', command, ...args], {
        env,
        stdio: ['pipe', log.fd, log.fd, ...(hasChannel ? (['ipc'] as const) : [])],
        detached: true,
        ...(cwd !== undefined && { cwd })
      })
      spawned.stdin?.on('error', () => undefined) // it exited before the line came
      try {
        await once(spawned, 'spawn')
        const child = childOf(spawned)
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

function childOf(spawned: ChildProcess): Child {
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
    isRunning: () => !hasExited(spawned),
    hasReported: () => hasReported,
    async stop(limitMs) {
      if (hasExited(spawned)) return
      spawned.kill('SIGTERM')
      if (await endsWithin(limitMs)) return
      spawned.kill('SIGKILL')
      await endsWithin(KILL_LIMIT_MS)
    }
  }
}

/** True also for a process that could not be spawned. */
function hasExited({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}
