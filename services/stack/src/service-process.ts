import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { messageOf, systemClock, TapedeckError } from '@tapedeck/core'
import { childOf, type ChildExit } from './child.ts'
import { openLog } from './log-file.ts'
import type { DataLock } from './data-lock.ts'
import type { Progress } from './progress.ts'
import { followLog } from './service-log.ts'
import type { ServicePlan } from './service-plan.ts'
import type { Running } from './supervise.ts'

const READY_LIMIT_MS = 60_000
const ASK_LIMIT_MS = 3000
const ASK_EVERY_MS = 60
const STOP_LIMIT_MS = 3000
/** The exit code of a service whose configuration is wrong: starting it again cannot help. */
const INVALID = 2

export interface RunningService extends Running {
  readonly name: string
  readonly pid: number
  readonly plan: ServicePlan
}

export interface ServiceSite {
  readonly dataDir: string
  readonly cacheDir: string
  readonly progress: Progress
  readonly lock: Pick<DataLock, 'track'>
}

/**
 * Spawns a service and waits until it says that it is ready.
 *
 * It has a process group of its own, so that Ctrl-C reaches the stack alone, which ends services in
 * order; it ends by itself when its channel to the stack breaks, whatever became of the stack.
 *
 * @throws SERVER_FAILED, or CONFIG_INVALID when the service refuses its configuration; ABORTED
 */
export async function startService(
  plan: ServicePlan,
  { dataDir, cacheDir, progress, lock }: ServiceSite,
  signal: AbortSignal
): Promise<RunningService> {
  const file = await openLog(dataDir, plan.name)
  const spawned = spawn(process.execPath, ['--import', PARENT_LINK, plan.program], {
    env: { NODE_COMPILE_CACHE: `${cacheDir}/node-compile`, ...plan.env },
    stdio: ['ignore', file.handle.fd, file.handle.fd, 'ipc'],
    detached: true
  })
  await file.handle.close()
  const child = childOf(spawned)
  const log = followLog(plan.name, file, progress)
  void child.exited.then(log.stop)
  // Its port may be answered by somebody else until it has it: its own word comes first.
  let hasStarted = false
  spawned.once('message', () => {
    hasStarted = true
  })
  await lock.track(child)
  try {
    await untilServiceReady(plan, child, () => hasStarted, signal)
  } catch (error) {
    await child.stop(STOP_LIMIT_MS)
    if (!(error instanceof TapedeckError) || error.code === 'ABORTED') throw error
    await log.stop()
    const why = log.lastProblem()
    throw new TapedeckError(
      error.code,
      `${error.message}${why === undefined ? '' : `: ${why}`} (${file.path})`,
      { cause: error }
    )
  }
  return { name: plan.name, plan, pid: child.pid, exited: child.exited, stop: child.stop }
}

const PARENT_LINK = fileURLToPath(new URL('parent-link.ts', import.meta.url))

/** A service refuses its configuration by ending with 2. */
export function isConfigRefused({ code }: ChildExit): boolean {
  return code === INVALID
}

async function untilServiceReady(
  { name, readyUrl }: ServicePlan,
  child: ReturnType<typeof childOf>,
  hasStarted: () => boolean,
  signal: AbortSignal
): Promise<void> {
  const deadlineMs = Date.now() + READY_LIMIT_MS
  let reason: string | undefined = 'it has not started'
  while (Date.now() < deadlineMs) {
    if (!child.isRunning()) {
      const exit = await child.exited
      throw new TapedeckError(
        isConfigRefused(exit) ? 'CONFIG_INVALID' : 'SERVER_FAILED',
        `Cannot start the ${name}: it ended with ${exit.how}`
      )
    }
    if (hasStarted()) {
      reason = await askReady(readyUrl)
      if (reason === undefined) return
    }
    await systemClock.delay(ASK_EVERY_MS, signal)
  }
  throw new TapedeckError(
    'SERVER_FAILED',
    `Cannot start the ${name} within ${READY_LIMIT_MS} ms: ${reason}`
  )
}

/** Undefined when ready, else the reason in words. */
async function askReady(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })
    if (response.ok) return undefined
    const { reasons } = (await response.json()) as { reasons?: readonly string[] }
    return reasons?.join('; ') ?? `it answers ${response.status}`
  } catch (error) {
    return messageOf(error)
  }
}
