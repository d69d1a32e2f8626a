import { randomBytes } from 'node:crypto'
import { isVisible, repeat, TapedeckError, thisProcess } from '@tapedeck/core'
import { holdLease, releaseLease, type Database, type LeaseProcess } from '@tapedeck/mongo'

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
  const me = await thisProcess()
  const owner = `${me.host}:${me.pid}:${randomBytes(4).toString('hex')}`
  await acquire(database, { owner, ...me })
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

async function acquire(database: Database, process: LeaseProcess): Promise<void> {
  const answer = await holdLease(database, LEASE, process.owner, TTL_MS, { process })
  if (answer.isMine) return
  const { owner, process: other } = answer
  const who = other === undefined ? owner : `process ${other.pid} on host ${other.host}`
  const since = answer.since === undefined ? '' : ` since ${answer.since.toISOString()}`
  throw new TapedeckError(
    'RUN_IN_PROGRESS',
    `Cannot reprocess: ${who} is running it${since}, expected no other run` +
      (other !== undefined && (await isVisible(other))
        ? ''
        : ` (if that was killed, its lease expires at ${answer.expiresAt.toISOString()})`)
  )
}
