import { setTimeout as sleep } from 'node:timers/promises'

/** Keeps the claim of a task while it is worked on. */
export interface TaskLease {
  /** Aborts when the claim is lost, or when it cannot be known any more that it is not. */
  readonly lost: AbortSignal
  /** It is known from elsewhere that the claim is lost. */
  lose(): void
  /** Ends the extending. */
  release(): void
}

/**
 * Extends a claim at a third of its length. It counts as lost when it is told so, and when no extension was answered for
 * the length of the lease, counted by this process from before the last one that was: the database may then have given
 * the task to another worker.
 * @param extend false: the claim is no longer the present one; a failure is tried again
 */
export function keepLease(
  leaseMs: number,
  extend: () => Promise<boolean>,
  now: () => number = () => performance.now()
): TaskLease {
  const losing = new AbortController()
  const ending = new AbortController()
  let knownMs = now()
  const endOfLease = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const leftMs = knownMs + leaseMs - now()
      if (leftMs <= 0) return losing.abort()
      await sleep(leftMs, undefined, { signal: ending.signal }).catch(() => undefined)
    }
  }
  const extending = async (): Promise<void> => {
    while (!ending.signal.aborted && !losing.signal.aborted) {
      await sleep(leaseMs / 3, undefined, { signal: ending.signal }).catch(() => undefined)
      if (ending.signal.aborted) return
      const askedMs = now()
      const isMine = await extend().catch(() => undefined)
      if (isMine === true) knownMs = askedMs
      if (isMine === false) losing.abort()
    }
  }
  void endOfLease()
  void extending()
  return {
    lost: losing.signal,
    lose: () => losing.abort(),
    release: () => ending.abort()
  }
}
