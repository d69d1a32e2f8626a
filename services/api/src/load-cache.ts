import { systemClock, type Clock } from '@tapedeck/core'

export interface LoadCacheOptions<T> {
  /** A value serves callers that come at most this long after its load began. */
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
 * Shares loads between callers: one load at a time for a key, and its value for a moment longer, so
 * that the cost does not grow with the number of viewers.
 *
 * Age counts from the start of the load: whoever joins gets a value read at most `ttlMs` before
 * asking. Failures are shared with those who wait, never kept. Full: the oldest entry goes.
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

  /** The value of `key`: a fresh one that is there or on its way, else that of `load`. */
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

  /** Entries stand in the order of their start. A clock set back makes all of them stale. */
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
