import type { BarDocument } from '@tapedeck/mongo'

/**
 * Thins out the provisional bars on the topic: one that is final or revised passes at once, of the others each
 * symbol and timeframe has its newest ones passed once in an interval. What is held back follows when the
 * interval is over, unless its final version came first, so a reader's last provisional bar is never older
 * than that.
 */
export class ProvisionalThrottle {
  readonly #intervalMs: number
  /** By `symbol|timeframe`: when provisional bars passed last, and the newest version of those held back, by id. */
  readonly #series = new Map<string, { passedAtMs: number; held: Map<string, BarDocument> }>()

  /** @param intervalMs 0: every bar passes at once */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** The bars to publish now, of the changed ones and of those held back before. */
  pass(changed: readonly BarDocument[], nowMs: number): BarDocument[] {
    const passed: BarDocument[] = []
    for (const bar of changed) {
      const held = this.#heldOf(bar)
      if (bar.status === 'provisional') held.set(bar._id, bar)
      else {
        held.delete(bar._id)
        passed.push(bar)
      }
    }
    for (const one of this.#series.values()) {
      if (one.held.size === 0 || nowMs - one.passedAtMs < this.#intervalMs) continue
      passed.push(...one.held.values())
      one.held.clear()
      one.passedAtMs = nowMs
    }
    return passed
  }

  #heldOf({ symbol, timeframe }: BarDocument): Map<string, BarDocument> {
    const key = `${symbol}|${timeframe}`
    let one = this.#series.get(key)
    if (one === undefined) this.#series.set(key, (one = { passedAtMs: -Infinity, held: new Map() }))
    return one.held
  }
}
