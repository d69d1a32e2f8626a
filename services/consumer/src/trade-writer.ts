import { whileWaiting } from '@tapedeck/core'
import type { TradeDocument } from '@tapedeck/mongo'

/** Documents in one insert: where the driver's throughput is flat. */
const INSERT_SIZE = 2000
/** Inserts under way at once; more only queue up in the server. */
const MAX_IN_FLIGHT = 2

/**
 * Collects trades and inserts them in the background, a few batches at a time.
 *
 * Bounded: `room` waits while too much is under way, so that reading goes no faster than the
 * database. `drained` is the barrier before a checkpoint.
 */
export class TradeWriter {
  readonly #insert: (documents: readonly TradeDocument[]) => Promise<void>
  #waiting: TradeDocument[] = []
  readonly #inFlight = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(insert: (documents: readonly TradeDocument[]) => Promise<void>) {
    this.#insert = insert
  }

  add(document: TradeDocument): void {
    this.#waiting.push(document)
    if (this.#waiting.length >= INSERT_SIZE && this.#inFlight.size < MAX_IN_FLIGHT) this.#start()
  }

  /** Resolves when there is room for more; `tick` is called about every second. */
  async room(tick: () => Promise<void>): Promise<void> {
    while (this.#waiting.length >= INSERT_SIZE * 2) {
      if (this.#inFlight.size < MAX_IN_FLIGHT) this.#start()
      else await whileWaiting(Promise.race(this.#inFlight), tick)
      this.#throwFailure()
    }
  }

  /** Resolves when everything added before the call is inserted. @throws what an insert threw */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0) this.#start()
    await Promise.all(this.#inFlight)
    this.#throwFailure()
  }

  #start(): void {
    const batch = this.#waiting.splice(0, INSERT_SIZE)
    const insert = this.#insert(batch)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#inFlight.delete(insert))
    this.#inFlight.add(insert)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
