/** Ids are remembered for so long, by the trades' own time; feeds repeat the last seconds. */
const MEMORY_MS = 900_000

/**
 * Knows the vendor's ids of recent trades, so that what a feed delivers again after a reconnect counts
 * once. Only ids tell: equal price, size and time are common among different trades.
 */
export class VendorIdDeduplicator {
  /** symbol -> vendor id -> [our id, trade time]; oldest first as far as the tape is in order. */
  readonly #seen = new Map<string, Map<string, readonly [id: string, tMs: number]>>()

  /** Remembers trades that are stored already; for taking up again after a restart. */
  remember(symbol: string, vendorId: string, id: string, tMs: number): void {
    this.#of(symbol).set(vendorId, [id, tMs])
  }

  /** Whether the vendor's id was met before under another id of ours. */
  isRepeat(symbol: string, vendorId: string, id: string, tMs: number): boolean {
    const seen = this.#of(symbol)
    const before = seen.get(vendorId)
    if (before !== undefined) return before[0] !== id
    seen.set(vendorId, [id, tMs])
    return false
  }

  /** Forgets what is too old to come again. */
  forget(watermarkMs: number): void {
    for (const seen of this.#seen.values()) {
      for (const [vendorId, [, tMs]] of seen) {
        if (tMs >= watermarkMs - MEMORY_MS) break
        seen.delete(vendorId)
      }
    }
  }

  /** Trades from here on must be remembered after a restart. */
  static rememberedFromMs(watermarkMs: number): number {
    return watermarkMs - MEMORY_MS
  }

  #of(symbol: string): Map<string, readonly [id: string, tMs: number]> {
    let seen = this.#seen.get(symbol)
    if (seen === undefined) this.#seen.set(symbol, (seen = new Map()))
    return seen
  }
}
