/** Receive times of this stretch count, ms. */
const STRETCH_MS = 60_000
const SECOND_MS = 1000
/** Fewer seconds with trades tell nothing. */
const LEAST_SECONDS = 10
/** Trades further ahead than this tell that the clock is wrong, ms; synchronised clocks differ by far less. */
export const AHEAD_LIMIT_MS = 5000
/** Trades further behind tell that the clock is wrong or the feed delayed, ms. */
export const BEHIND_LIMIT_MS = 30_000
/** Trades further behind are of a recorded tape, ms. */
export const RECORDED_MS = 12 * 3_600_000

/**
 * Compares the times of trades with the clock of the machine that receives them. Pure: it reads no clock.
 *
 * Of each second it keeps the least delay, receive time less trade time: a late print never has the least delay, unless
 * it is alone in its second. The median of these over the last minute is the offset, so that neither late prints
 * nor a print from the future decide. Trades are called behind only when every second was.
 */
export class ClockOffset {
  /** The least delay of each second by the receive time, ms. */
  readonly #delays = new Map<number, number>()

  /** Notes the newest trade of a frame. Times are epoch ms. */
  observe(receivedAtMs: number, tradedAtMs: number): void {
    const second = Math.floor(receivedAtMs / SECOND_MS)
    const delayMs = receivedAtMs - tradedAtMs
    const known = this.#delays.get(second)
    if (known === undefined) this.#removeBefore(receivedAtMs)
    if (known === undefined || delayMs < known) this.#delays.set(second, delayMs)
  }

  /** How far trades are ahead of the clock, ms; negative: behind. Undefined without enough trades. */
  aheadMs(nowMs: number): number | undefined {
    const delays = this.#delaysUntil(nowMs)
    return delays.length < LEAST_SECONDS ? undefined : 0 - median(delays)
  }

  /** The same where it is beyond the limits; undefined when the clock may be right. */
  wrongByMs(nowMs: number): number | undefined {
    const aheadMs = this.aheadMs(nowMs)
    if (aheadMs === undefined || aheadMs > AHEAD_LIMIT_MS) return aheadMs
    const leastDelayMs = Math.min(...this.#delaysUntil(nowMs))
    const isBehind = leastDelayMs > BEHIND_LIMIT_MS && leastDelayMs < RECORDED_MS
    return isBehind ? 0 - leastDelayMs : undefined
  }

  /** Ascending. What a clock that was set since has left in the past or the future does not count. */
  #delaysUntil(nowMs: number): number[] {
    return [...this.#delays]
      .filter(([second]) => isWithin(second, nowMs))
      .map(([, delayMs]) => delayMs)
      .toSorted((a, b) => a - b)
  }

  #removeBefore(nowMs: number): void {
    for (const second of this.#delays.keys()) {
      if (!isWithin(second, nowMs)) this.#delays.delete(second)
    }
  }
}

function isWithin(second: number, nowMs: number): boolean {
  const ageMs = nowMs - second * SECOND_MS
  return ageMs >= 0 && ageMs <= STRETCH_MS
}

/** Of ascending numbers; of the two in the middle the higher one. */
function median(ascending: readonly number[]): number {
  return ascending[Math.floor(ascending.length / 2)] ?? 0
}
