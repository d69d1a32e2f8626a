import { hostname } from 'node:os'
import { isSame, processIdentity, repeat, TapedeckError } from '@tapedeck/core'
import { holdLease, releaseLease, type Database } from '@tapedeck/mongo'

/** The lease of the shadow collections, which one run holds at a time. */
export interface SoleRun {
  /** Renews the lease. @throws RUN_IN_PROGRESS when another run has taken it */
  renew(): Promise<void>
  /** The same, but only when it was last renewed some time ago. @throws RUN_IN_PROGRESS */
  check(): Promise<void>
}

const LEASE = 'reprocess'
/**
 * Longer than any work between two renewals. A killed run on this machine is recognised at once; one on
 * another machine blocks the next run until its lease expires.
 */
const TTL_MS = 60_000
const RENEW_MS = 5000

/**
 * Does work that only one run at a time may do, over all machines.
 * @throws RUN_IN_PROGRESS that names the host, the process and the start of the other run
 */
export async function asSoleRun<T>(
  database: Database,
  work: (run: SoleRun) => Promise<T>
): Promise<T> {
  const owner = textOfRunner({ host: hostname(), ...(await processIdentity(process.pid)) })
  await acquire(database, owner)
  let isLost = false
  let renewedMs = performance.now()
  const renew = async (): Promise<void> => {
    const answer = await holdLease(database, LEASE, owner, TTL_MS)
    // Another run held the lease in between, so the shadow holds its results.
    isLost ||= !answer.isMine || answer.before?.owner !== owner
    renewedMs = performance.now()
    assertHeld()
  }
  const assertHeld = (): void => {
    if (!isLost) return
    throw new TapedeckError(
      'RUN_IN_PROGRESS',
      'Cannot continue: another run took the lease while this one was paused, expected no other run'
    )
  }
  const check = async (): Promise<void> => {
    assertHeld()
    if (performance.now() - renewedMs > 2 * RENEW_MS) await renew()
  }
  // A failed renewal is noticed later: a lost lease by `check`, an unreachable database by any access.
  const stopRenewing = repeat(
    RENEW_MS,
    () => renew().catch(() => undefined),
    () => undefined
  )
  try {
    return await work({ renew, check })
  } finally {
    await stopRenewing()
    await releaseLease(database, LEASE, owner).catch(() => undefined) // it expires by itself
  }
}

/** Acquires the lease; first releases that of a dead process on this machine. */
async function acquire(database: Database, owner: string): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const answer = await holdLease(database, LEASE, owner, TTL_MS)
    if (answer.isMine) return
    const holder = runnerOf(answer.owner)
    const mayBeDead = holder?.host === hostname()
    if (isFirst && mayBeDead && !(await isSame(holder))) {
      await releaseLease(database, LEASE, answer.owner)
      continue
    }
    const who = holder === undefined ? answer.owner : `process ${holder.pid} on host ${holder.host}`
    const since = answer.since === undefined ? '' : ` since ${answer.since.toISOString()}`
    throw new TapedeckError(
      'RUN_IN_PROGRESS',
      `Cannot reprocess: ${who} is running it${since}, expected no other run` +
        (mayBeDead
          ? ''
          : ` (if that was killed, its lease expires at ${answer.expiresAt.toISOString()})`)
    )
  }
}

/** The holder of the lease; `started` tells it from a later process with the same id. */
interface Runner {
  readonly host: string
  readonly pid: number
  readonly started: string
}

function textOfRunner({ host, pid, started }: Runner): string {
  return JSON.stringify({ host, pid, started })
}

function runnerOf(text: string): Runner | undefined {
  try {
    const { host, pid, started } = JSON.parse(text) as Partial<Runner>
    if (host === undefined || pid === undefined || started === undefined) return undefined
    return { host, pid, started }
  } catch {
    return undefined
  }
}
