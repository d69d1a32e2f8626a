import type { Bar, StoredBar } from '@tapedeck/domain'

/**
 * Final bars that left the book, for trades that come late: what the database is to the consumer.
 * Kept as long as a trade may be late.
 */
export class BarMemory {
  readonly #bars = new Map<string, StoredBar>()

  /** Takes bars as they stand now; those that are not final never leave the book. */
  keep(bars: readonly Bar[]): void {
    for (const bar of bars) {
      if (bar.status === 'provisional') continue
      // In the order of their last change, so that forgetting looks at the oldest ones only.
      this.#bars.delete(bar.id)
      this.#bars.set(bar.id, bar.toStored())
    }
  }

  find(ids: readonly string[]): StoredBar[] {
    return ids.map((id) => this.#bars.get(id)).filter((bar) => bar !== undefined)
  }

  /** Lets go of bars that ended before a moment, epoch ms. */
  forget(beforeMs: number): void {
    for (const [id, { endMs }] of this.#bars) {
      if (endMs >= beforeMs) return
      this.#bars.delete(id)
    }
  }
}
