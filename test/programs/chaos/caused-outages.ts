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
