import { repeat } from '@tapedeck/core'
import { findLostClaims, type Database, type TaskClaim } from '@tapedeck/mongo'

/** How often the claims in hand are looked up, ms: so soon a task ends after its run was cancelled. */
const LOOK_EVERY_MS = 1000

/** Looks after the claims of a worker with one query a second for all of them, and none while it has none. */
export interface ClaimWatch {
  /**
   * @param lost called once, when the claim is no longer the present one
   * @returns ends the watch over this claim
   */
  watch(claim: TaskClaim, lost: (isCancelled: boolean) => void): () => void
  stop(): Promise<void>
}

/** A lease tells the same, but only when it is extended. While the database is away nothing is known, and nothing told. */
export function watchClaims(
  database: Database,
  find: typeof findLostClaims = findLostClaims,
  everyMs = LOOK_EVERY_MS
): ClaimWatch {
  const watched = new Map<string, { readonly claim: TaskClaim; lost(isCancelled: boolean): void }>()
  const look = async (): Promise<void> => {
    if (watched.size === 0) return
    const claims = [...watched.values()].map(({ claim }) => claim)
    for (const [owner, state] of await find(database, claims)) {
      const one = watched.get(owner)
      // It may have been committed while it was looked up.
      if (!watched.delete(owner)) continue
      one?.lost(state === 'cancelled')
    }
  }
  // While the database is away, the lease decides.
  const stop = repeat(
    everyMs,
    () => look().catch(() => undefined),
    () => undefined
  )
  return {
    watch(claim, lost) {
      watched.set(claim.owner, { claim, lost })
      return () => void watched.delete(claim.owner)
    },
    stop
  }
}
