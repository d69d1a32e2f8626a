/** The last frame of a connection that reached this partition, and its symbols so far. */
export interface SeenConnection {
  readonly id: string
  readonly frame: number
  readonly symbols: readonly string[]
}

/** Connections remembered; a producer has one at a time, and an old one never speaks again. */
const CAPACITY = 16

/**
 * Knows which frames of each connection were read, so that a record published twice (the producer
 * died between sending and hearing the answer) counts once. Within a partition the records of a
 * connection come in frame order, so the last frame and its symbols tell all.
 */
export class FrameDeduplicator {
  readonly #seen = new Map<string, { frame: number; symbols: Set<string> }>()

  constructor(state: readonly SeenConnection[] = []) {
    for (const { id, frame, symbols } of state) {
      this.#seen.set(id, { frame, symbols: new Set(symbols) })
    }
  }

  /** True for a record not met before, which is then remembered. */
  accept(connection: string, frame: number, symbol: string): boolean {
    const last = this.#seen.get(connection)
    if (last === undefined) {
      this.#seen.set(connection, { frame, symbols: new Set([symbol]) })
      if (this.#seen.size > CAPACITY) {
        const [oldest] = this.#seen.keys()
        if (oldest !== undefined) this.#seen.delete(oldest)
      }
      return true
    }
    if (frame < last.frame || (frame === last.frame && last.symbols.has(symbol))) return false
    if (frame > last.frame) {
      last.frame = frame
      last.symbols.clear()
    }
    last.symbols.add(symbol)
    return true
  }

  toState(): SeenConnection[] {
    return [...this.#seen].map(([id, { frame, symbols }]) => ({ id, frame, symbols: [...symbols] }))
  }
}
