import type { QueuedRecord } from './spool-entry.ts'
import type { SpoolMetrics } from './spool-metrics.ts'

/** What was received and given up, from the first to the last of it. */
export interface Loss {
  /** Receive times, epoch ms. */
  readonly fromMs: number
  readonly toMs: number
  /** 0 when unknown: what is damaged cannot be counted. */
  readonly trades: number
  /** Empty: of any symbol. */
  readonly symbols: readonly string[]
}

/** `spool_full`, `spool_failed`: no room in memory nor on disk; `stopped`: neither when it ended. */
export type LossReason = 'spool_full' | 'spool_failed' | 'stopped'

/** A loss that goes on is reported as often as this. */
const REPORT_EVERY_MS = 10_000

/** Counts records that are given up and puts neighbouring losses together. */
export class LossReport {
  readonly #metrics: SpoolMetrics
  readonly #onLoss: (loss: Loss) => void
  #sinceMs = 0
  #fromMs = Infinity
  #toMs = -Infinity
  #trades = 0
  readonly #symbols = new Set<string>()

  constructor(metrics: SpoolMetrics, onLoss: (loss: Loss) => void) {
    this.#metrics = metrics
    this.#onLoss = onLoss
  }

  add(record: QueuedRecord, reason: LossReason): void {
    this.#metrics.recordsLost.inc({ reason })
    this.#metrics.tradesLost.inc({ reason }, record.trades)
    if (this.isEmpty) this.#sinceMs = performance.now()
    this.#fromMs = Math.min(this.#fromMs, record.receivedAt)
    this.#toMs = Math.max(this.#toMs, record.receivedAt)
    this.#trades += record.trades
    if (record.trades > 0) this.#symbols.add(record.key)
  }

  get isEmpty(): boolean {
    return this.#fromMs === Infinity
  }

  get isDue(): boolean {
    return !this.isEmpty && performance.now() - this.#sinceMs >= REPORT_EVERY_MS
  }

  /** Reports what was lost since the last report, if anything. */
  flush(): void {
    if (this.isEmpty) return
    const loss: Loss = {
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      trades: this.#trades,
      symbols: [...this.#symbols].toSorted()
    }
    this.#fromMs = Infinity
    this.#toMs = -Infinity
    this.#trades = 0
    this.#symbols.clear()
    this.#onLoss(loss)
  }
}
