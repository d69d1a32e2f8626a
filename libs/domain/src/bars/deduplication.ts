/** The last frame of a connection on this partition, with its symbols so far. */
export interface SeenConnection {
  readonly id: string
  readonly frame: number
  readonly symbols: readonly string[]
}

/** Connections remembered. A producer has one at a time and never returns to an earlier one. */
const MAX_CONNECTIONS = 16

/**
 * Recognises records that were published twice, which happens when the producer dies between sending
 * and the broker's answer. The records of a connection are in frame order within a partition, so the
 * last frame and its symbols are all that has to be remembered.
 */
export class FrameDeduplicator {
  readonly #seen = new Map<string, { frame: number; symbols: Set<string> }>()

  constructor(state: readonly SeenConnection[] = []) {
    for (const { id, frame, symbols } of state) {
      this.#seen.set(id, { frame, symbols: new Set(symbols) })
    }
  }

  /** Remembers the record and returns true, or returns false when it was published before. */
  accept(connection: string, frame: number, symbol: string): boolean {
    const last = this.#seen.get(connection)
    if (last === undefined) {
      this.#seen.set(connection, { frame, symbols: new Set([symbol]) })
      if (this.#seen.size > MAX_CONNECTIONS) {
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

/** How long an id is remembered, in event time. Feeds repeat the last seconds after a reconnect. */
const MEMORY_MS = 900_000

/**
 * Recognises trades that a feed delivers again after a reconnect, by the vendor's id. Content does not
 * identify a trade: different trades often have equal price, size and time.
 */
export class VendorIdDeduplicator {
  /** Symbol -> vendor id -> our id and trade time; oldest first as far as the tape is in order. */
  readonly #seen = new Map<string, Map<string, readonly [id: string, tMs: number]>>()

  /** Remembers a stored trade, after a restart. */
  remember(symbol: string, vendorId: string, id: string, tMs: number): void {
    this.#of(symbol).set(vendorId, [id, tMs])
  }

  /** Whether another trade has the same vendor id; remembers the trade when none has. */
  isRepeat(symbol: string, vendorId: string, id: string, tMs: number): boolean {
    const seen = this.#of(symbol)
    const before = seen.get(vendorId)
    if (before !== undefined) return before[0] !== id
    seen.set(vendorId, [id, tMs])
    return false
  }

  /** Forgets trades that are too old to be delivered again. */
  forget(watermarkMs: number): void {
    for (const seen of this.#seen.values()) {
      for (const [vendorId, [, tMs]] of seen) {
        if (tMs >= watermarkMs - MEMORY_MS) break
        seen.delete(vendorId)
      }
    }
  }

  /** Trades since this moment must be remembered after a restart, epoch ms. */
  static rememberedFromMs(watermarkMs: number): number {
    return watermarkMs - MEMORY_MS
  }

  #of(symbol: string): Map<string, readonly [id: string, tMs: number]> {
    let seen = this.#seen.get(symbol)
    if (seen === undefined) this.#seen.set(symbol, (seen = new Map()))
    return seen
  }
}
