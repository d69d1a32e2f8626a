import { whileWaiting } from '@tapedeck/core'
import { insertTrades, type TradeDocument } from '@tapedeck/mongo'
import type { ConsumerDeps } from './publish.ts'

/** Documents in one insert: the driver's throughput does not rise beyond. */
const INSERT_SIZE = 2000
/** Inserts at the same time; more would only queue in the server. */
const MAX_IN_FLIGHT = 2

/**
 * Collects trades and inserts them in the background.
 *
 * `room` waits while too many trades are not stored, so that reading is no faster than the database.
 * `drained` is the barrier before a checkpoint.
 */
export class TradeWriter {
  readonly #deps: Pick<ConsumerDeps, 'database' | 'metrics' | 'retry'>
  #waiting: TradeDocument[] = []
  readonly #inFlight = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(deps: Pick<ConsumerDeps, 'database' | 'metrics' | 'retry'>) {
    this.#deps = deps
  }

  add(document: TradeDocument): void {
    this.#waiting.push(document)
    if (this.#waiting.length >= INSERT_SIZE && this.#inFlight.size < MAX_IN_FLIGHT) this.#start()
  }

  /** Resolves when there is room for more; calls `tick` about every second while it waits. */
  async room(tick: () => Promise<void>): Promise<void> {
    while (this.#waiting.length >= INSERT_SIZE * 2) {
      if (this.#inFlight.size < MAX_IN_FLIGHT) this.#start()
      else await whileWaiting(Promise.race(this.#inFlight), tick)
      this.#throwFailure()
    }
  }

  /** Resolves when every trade added before the call is stored. @throws the error of an insert */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0) this.#start()
    await Promise.all(this.#inFlight)
    this.#throwFailure()
  }

  #start(): void {
    const insert = this.#insert(this.#waiting.splice(0, INSERT_SIZE))
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#inFlight.delete(insert))
    this.#inFlight.add(insert)
  }

  async #insert(documents: readonly TradeDocument[]): Promise<void> {
    const { database, metrics, retry } = this.#deps
    const present = await retry(() => insertTrades(database, documents))
    metrics.tradesStored.inc(documents.length - present)
    metrics.tradesPresent.inc(present)
    // Of the oldest of each insert only: an observation for each would cost as much as folding it.
    const [oldest] = documents
    if (oldest !== undefined) metrics.latency('stored', Date.now() - oldest.receivedAt.getTime())
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
