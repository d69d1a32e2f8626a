import { spawn, type StdioOptions } from 'node:child_process'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { OrphanGuard } from './orphan-guard.ts'

/** A child process of the stack. */
export interface Child {
  readonly pid: number
  /** How it ended, in words such as `exit code 1` or `SIGKILL`. */
  readonly exited: Promise<ChildExit>
  readonly isRunning: () => boolean
  /** SIGTERM, then SIGKILL after `limitMs`; resolves when it has ended. */
  stop(limitMs: number): Promise<void>
}

export interface ChildExit {
  readonly code: number | null
  readonly how: string
}

/** A killed process is gone at once; this bounds the wait for the news of it. */
const KILL_LIMIT_MS = 2000

/**
 * Starts a server in a process group of its own, so that Ctrl-C reaches the stack alone, which ends
 * the services before the servers they write to.
 *
 * @throws SERVER_FAILED when it cannot be spawned
 */
export async function startChild(
  command: string,
  args: readonly string[],
  {
    guard,
    env,
    cwd,
    stdio
  }: {
    readonly guard: OrphanGuard
    readonly env: Readonly<Record<string, string | undefined>>
    readonly cwd: string
    readonly stdio: StdioOptions
  }
): Promise<Child> {
  const [program, all] = guard.wrap(command, args)
  const process = spawn(program, all, { env, cwd, stdio, detached: true })
  const spawned = Promise.withResolvers<void>()
  process.once('spawn', spawned.resolve)
  process.once('error', spawned.reject)
  try {
    await spawned.promise
  } catch (cause) {
    throw new TapedeckError('SERVER_FAILED', `Cannot run ${command}: ${messageOf(cause)}`, {
      cause
    })
  }
  const child = childOf(process)
  guard.add(child.pid)
  void child.exited.then(() => guard.remove(child.pid))
  return child
}

/** Wraps a spawned process, whoever spawned it. */
export function childOf(process: ReturnType<typeof spawn>): Child {
  const { pid } = process
  if (pid === undefined) throw new TapedeckError('SERVER_FAILED', 'The process has no pid')
  process.on('error', () => undefined) // a failed spawn has no pid; a failed kill is told by its exit
  const exited = Promise.withResolvers<ChildExit>()
  process.once('exit', (code, signal) => {
    exited.resolve({ code, how: signal ?? `exit code ${code}` })
  })
  const isRunning = (): boolean => process.exitCode === null && process.signalCode === null
  return {
    pid,
    exited: exited.promise,
    isRunning,
    async stop(limitMs) {
      if (!isRunning()) return
      process.kill('SIGTERM')
      if (await within(exited.promise, limitMs)) return
      process.kill('SIGKILL')
      await within(exited.promise, KILL_LIMIT_MS)
    }
  }
}

/** True when `work` settled in time. */
async function within(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), limitMs)
  try {
    return await Promise.race([work.then(() => true), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
