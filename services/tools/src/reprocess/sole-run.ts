import { hostname } from 'node:os'
import { isSame, processIdentity, repeat, TapedeckError } from '@tapedeck/core'
import { holdLease, releaseLease, type Database } from '@tapedeck/mongo'

/** The right to use the shadow collections, which one run has at a time. */
export interface SoleRun {
  /** Makes sure, and for another while. @throws RUN_IN_PROGRESS when another run has taken over */
  renew(): Promise<void>
  /** The same, but asks only if the last answer is old. @throws RUN_IN_PROGRESS */
  check(): Promise<void>
}

const LEASE = 'reprocess'
/**
 * Longer than the longest stretch of work without a pause. A run that was killed on this machine is
 * found dead at once; one of another machine holds the next one up so long.
 */
const TTL_MS = 60_000
const RENEW_MS = 5000

/**
 * Does work that no other run may do meanwhile, on any machine.
 * @throws RUN_IN_PROGRESS that names who is at it: host, process, since when
 */
export async function asSoleRun<T>(
  database: Database,
  work: (run: SoleRun) => Promise<T>
): Promise<T> {
  const owner = wordsOf({ host: hostname(), ...(await processIdentity(process.pid)) })
  await take(database, owner)
  let isLost = false
  let renewedMs = performance.now()
  const renew = async (): Promise<void> => {
    const answer = await holdLease(database, LEASE, owner, TTL_MS)
    // Free again, but somebody had it in between: the shadow is not what this run made it.
    isLost ||= !answer.isMine || answer.before?.owner !== owner
    renewedMs = performance.now()
    assertHeld()
  }
  const assertHeld = (): void => {
    if (!isLost) return
    throw new TapedeckError(
      'RUN_IN_PROGRESS',
      'Cannot go on: another run took over while this one stood still, expected to be the only one'
    )
  }
  const check = async (): Promise<void> => {
    assertHeld()
    if (performance.now() - renewedMs > 2 * RENEW_MS) await renew()
  }
  // A failed renewal shows at the next look: a loss is remembered, a database away tells itself.
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

/** Takes the lease; that of a run on this machine whose process is dead is freed first. */
async function take(database: Database, owner: string): Promise<void> {
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
      `Cannot reprocess: ${who} is at it${since}, expected no other run` +
        (mayBeDead ? '' : ` (if it was killed, it is free at ${answer.expiresAt.toISOString()})`)
    )
  }
}

/** Who has the right, told from a later process of the same number by when it started. */
interface Runner {
  readonly host: string
  readonly pid: number
  readonly started: string
}

function wordsOf({ host, pid, started }: Runner): string {
  return JSON.stringify({ host, pid, started })
}

function runnerOf(words: string): Runner | undefined {
  try {
    const { host, pid, started } = JSON.parse(words) as Partial<Runner>
    if (host === undefined || pid === undefined || started === undefined) return undefined
    return { host, pid, started }
  } catch {
    return undefined
  }
}
