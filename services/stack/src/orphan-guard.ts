import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onPath } from './search.ts'
import type { Env } from '@tapedeck/core'

/**
 * Sees to it that a server ends when the stack dies without a chance to end it (kill -9).
 *
 * On Linux the kernel does it: setpriv asks for SIGTERM at the parent's death. Elsewhere a watcher
 * process holds the other end of a pipe; when it breaks, the watcher ends what it was told of.
 */
export interface OrphanGuard {
  readonly kind: 'pdeathsig' | 'watcher'
  /** The command line to spawn in place of `command args`; the pid stays that of the command. */
  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]]
  add(pid: number): void
  remove(pid: number): void
  /** Ends the watcher; what it still guards is ended too. */
  close(): void
}

export async function createOrphanGuard(env: Env, platform: NodeJS.Platform): Promise<OrphanGuard> {
  const [setpriv] = platform === 'linux' ? await onPath(env, 'setpriv') : []
  return setpriv === undefined ? startWatcher() : pdeathsigGuard(setpriv)
}

/** The signal comes when the spawning thread ends: node spawns from its main thread. */
function pdeathsigGuard(setpriv: string): OrphanGuard {
  return {
    kind: 'pdeathsig',
    wrap: (command, args) => [setpriv, ['--pdeathsig', 'TERM', '--', command, ...args]],
    add: () => undefined,
    remove: () => undefined,
    close: () => undefined
  }
}

/** The guard for machines without setpriv; works wherever node does. */
export function startWatcher(): OrphanGuard {
  const program = fileURLToPath(new URL('watcher-main.ts', import.meta.url))
  // Its own process group: a signal to the stack's group must not end the watcher first.
  const watcher = spawn(process.execPath, [program], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore']
  })
  watcher.on('error', () => undefined)
  watcher.stdin.on('error', () => undefined)
  watcher.unref()
  const tell = (line: string): void => {
    if (watcher.stdin.writable) watcher.stdin.write(`${line}\n`)
  }
  return {
    kind: 'watcher',
    wrap: (command, args) => [command, args],
    add: (pid) => tell(`+${pid}`),
    remove: (pid) => tell(`-${pid}`),
    close: () => watcher.stdin.end()
  }
}
