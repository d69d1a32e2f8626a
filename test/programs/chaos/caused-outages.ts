/** A time in which the run itself kept the feed from being followed; epoch ms. */
export interface CausedOutage {
  readonly kind: OutageKind
  /** Undefined: every symbol. */
  readonly symbol: string | undefined
  /** Certainly from here to there: measured within it, never around it. */
  readonly fromMs: number
  readonly toMs: number
}

export const OUTAGE_KINDS = ['producer down', 'feed cut', 'symbol not followed'] as const
export type OutageKind = (typeof OUTAGE_KINDS)[number]

/** A trade of the topic: when it happened, and when the producer received it; epoch ms. */
interface ReceivedTrade {
  readonly t: number
  readonly receivedAt: number
}

/**
 * The outages as the producer could have seen them: what was under way when the feed was cut is still received, later on a
 * busy machine. Trades that happened after the cut do not count, so a cut that does not hold is found all the same.
 */
export function afterWhatWasUnderWay(
  outages: readonly CausedOutage[],
  trades: readonly ReceivedTrade[]
): readonly CausedOutage[] {
  return outages.map((one) => {
    if (one.kind !== 'feed cut') return one
    const late = trades.filter(
      ({ t, receivedAt }) => t <= one.fromMs && receivedAt > one.fromMs && receivedAt < one.toMs
    )
    const fromMs = late.reduce((last, { receivedAt }) => Math.max(last, receivedAt), one.fromMs)
    return { ...one, fromMs }
  })
}

/** The outages that a run caused. */
export class CausedOutages {
  readonly #all: CausedOutage[] = []

  get all(): readonly CausedOutage[] {
    return this.#all
  }

  add(kind: OutageKind, fromMs: number, toMs: number, symbol?: string): void {
    if (toMs > fromMs) this.#all.push({ kind, symbol, fromMs, toMs })
  }
}
