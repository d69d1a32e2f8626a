import { systemClock, type Clock } from '@tapedeck/core'

export interface LoadCacheOptions<T> {
  /** A value is shared with callers for at most this long after its load began. */
  readonly ttlMs: number
  readonly maxEntries: number
  /** All values together; weights are in bytes or any other unit of `weigh`. */
  readonly maxWeight: number
  readonly weigh: (value: T) => number
  readonly clock?: Clock
}

interface Entry<T> {
  readonly startedAtMs: number
  readonly value: Promise<T>
  weight: number
}

/**
 * Shares loads between callers: one load at a time for a key, and its value until `ttlMs` is over, so that
 * the cost does not grow with the number of viewers.
 *
 * Age counts from the start of the load, so a caller gets a value whose load began at most `ttlMs` before
 * the call. Failures are shared with waiting callers and not kept. A full cache drops its oldest entry.
 */
export class LoadCache<T> {
  readonly #options: LoadCacheOptions<T>
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry<T>>()
  #weight = 0

  constructor(options: LoadCacheOptions<T>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get size(): number {
    return this.#entries.size
  }

  get weight(): number {
    return this.#weight
  }

  /** The value of `key`: a fresh one that is loaded or being loaded, otherwise that of `load`. */
  get(key: string, load: () => Promise<T>): { readonly value: Promise<T>; readonly hit: boolean } {
    const nowMs = this.#clock.now()
    this.#dropStale(nowMs)
    const held = this.#entries.get(key)
    if (held !== undefined) return { value: held.value, hit: true }
    const entry: Entry<T> = { startedAtMs: nowMs, value: load(), weight: 0 }
    this.#entries.set(key, entry)
    this.#shrink()
    entry.value.then(
      (value) => this.#store(key, entry, this.#options.weigh(value)),
      () => this.#drop(key, entry)
    )
    return { value: entry.value, hit: false }
  }

  #store(key: string, entry: Entry<T>, weight: number): void {
    if (this.#entries.get(key) !== entry) return
    entry.weight = weight
    this.#weight += weight
    this.#shrink()
  }

  #shrink(): void {
    const { maxEntries, maxWeight } = this.#options
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= maxEntries && this.#weight <= maxWeight) return
      this.#drop(key, entry)
    }
  }

  /** Entries are in the order of their start. A clock set back makes all of them stale. */
  #dropStale(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      const ageMs = nowMs - entry.startedAtMs
      if (ageMs >= 0 && ageMs <= this.#options.ttlMs) return
      this.#drop(key, entry)
    }
  }

  #drop(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) !== entry) return
    this.#entries.delete(key)
    this.#weight -= entry.weight
  }
}
