export interface BackoffOptions {
  readonly baseMs: number
  readonly capMs: number
  /** In [0, 1); injected so that tests are deterministic. */
  readonly random?: () => number
}

/**
 * Full-jitter exponential delay: uniform in [0, min(cap, base * 2^attempt)), at least 1 ms.
 * Attempt counts from 0. Mean delay is half the ceiling; the worst case is `capMs`.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitterMs(
  attempt: number,
  { baseMs, capMs, random = Math.random }: BackoffOptions
): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30))
  return Math.max(1, Math.floor(random() * ceilingMs))
}
