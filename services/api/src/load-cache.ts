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
  /** Aborts the load. */
  readonly abort: () => void
  weight: number
  isLoading: boolean
  /** Callers that wait for the load. */
  waiting: number
}

/**
 * Shares loads between callers: one load at a time for a key, and its value until `ttlMs` is over, so that
 * the cost does not grow with the number of viewers.
 *
 * Age counts from the start of the load, so a caller gets a value whose load began at most `ttlMs` before
 * the call. Failures are shared with waiting callers and not kept. A full cache drops its oldest entry. A load whose
 * callers have all left is aborted.
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

  /**
   * The value of `key`: a fresh one that is loaded or being loaded, otherwise that of `load`. A caller that stops waiting
   * calls `leave`.
   */
  get(
    key: string,
    load: (signal: AbortSignal) => Promise<T>
  ): { readonly value: Promise<T>; readonly hit: boolean; readonly leave: () => void } {
    const nowMs = this.#clock.now()
    this.#dropStale(nowMs)
    const held = this.#entries.get(key)
    if (held !== undefined) return { ...this.#join(key, held), hit: true }
    const controller = new AbortController()
    const entry: Entry<T> = {
      startedAtMs: nowMs,
      value: load(controller.signal),
      abort: () => controller.abort(),
      weight: 0,
      isLoading: true,
      waiting: 0
    }
    this.#entries.set(key, entry)
    this.#shrink()
    entry.value.then(
      (value) => this.#store(key, entry, this.#options.weigh(value)),
      () => {
        entry.isLoading = false
        this.#drop(key, entry)
      }
    )
    return { ...this.#join(key, entry), hit: false }
  }

  #join(key: string, entry: Entry<T>): { readonly value: Promise<T>; readonly leave: () => void } {
    entry.waiting++
    let isGone = false
    const leave = (): void => {
      if (isGone) return
      isGone = true
      entry.waiting--
      if (entry.waiting > 0 || !entry.isLoading) return
      this.#drop(key, entry)
      entry.abort()
    }
    return { value: entry.value, leave }
  }

  #store(key: string, entry: Entry<T>, weight: number): void {
    entry.isLoading = false
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
