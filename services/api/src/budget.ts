import { hasCode, TapedeckError } from '@tapedeck/core'
import type { Metrics } from '@tapedeck/service'

export interface BudgetConfig {
  /** Reads of the database at one time. */
  readonly reads: number
  /** Rows that they may return together; a dearer read runs alone. */
  readonly rows: number
  /** Reads that wait for their turn. */
  readonly waiting: number
  /** How long one waits, ms. */
  readonly waitMs: number
}

/** Answers of other formats than JSON that are written at one time. */
const MAX_TABLES = 8

interface Waiting {
  readonly rows: number
  start(): void
  refuse(): void
}

/**
 * Bounds what the api reads at one time, so that many or large requests make each other wait rather than the database
 * look away and the memory grow. The cheapest read that waits is next; when too many wait, the dearest is refused.
 */
export class ReadBudget {
  readonly #config: BudgetConfig
  readonly #refused: () => void
  readonly #show: () => void
  #running = 0
  #rows = 0
  /** Of the read that ended last, if it found no database: then it is this that reads wait for. */
  #failure: TapedeckError | undefined
  #tables = 0
  /** The cheapest first, equal ones in the order of their arrival. */
  readonly #queue: Waiting[] = []

  constructor(config: BudgetConfig, metrics: Metrics) {
    this.#config = config
    const refused = metrics.counter(
      'api_reads_refused_total',
      'Reads refused with 429 because too many were running or waiting'
    )
    this.#refused = () => refused.inc()
    const reads = metrics.gauge(
      'api_reads',
      'Reads of the database: running, waiting, and tables being written',
      ['state']
    )
    this.#show = () => {
      reads.set({ state: 'running' }, this.#running)
      reads.set({ state: 'waiting' }, this.#queue.length)
      reads.set({ state: 'tables' }, this.#tables)
    }
    this.#show()
  }

  /**
   * Runs a read when there is room for its rows.
   * @throws OVERLOADED when it would wait too long; DATABASE_UNREACHABLE instead, where the reads that it waits for find
   *   no database; ABORTED when its signal is aborted while it waits
   */
  async run<T>(rows: number, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
    const admitted = this.#admitted(rows, signal)
    this.#show()
    await admitted.finally(this.#show)
    try {
      const value = await read()
      this.#failure = undefined
      return value
    } catch (error) {
      if (hasCode(error, 'DATABASE_UNREACHABLE')) this.#failure = error
      throw error
    } finally {
      this.#running--
      this.#rows -= rows
      this.#startNext()
      this.#show()
    }
  }

  /**
   * Runs the writing of a table of any size, which holds a cursor and some batches of rows for minutes.
   * @throws OVERLOADED when many are being written
   */
  async table<T>(write: () => Promise<T>): Promise<T> {
    if (this.#tables >= MAX_TABLES) {
      this.#refused()
      const message = `${MAX_TABLES} tables are being written, expected fewer at a time`
      throw new TapedeckError('OVERLOADED', message)
    }
    this.#tables++
    this.#show()
    try {
      return await write()
    } finally {
      this.#tables--
      this.#show()
    }
  }

  #fits(rows: number): boolean {
    if (this.#running === 0) return true
    return this.#running < this.#config.reads && this.#rows + rows <= this.#config.rows
  }

  #admitted(rows: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(left())
    if (this.#queue.length === 0 && this.#fits(rows)) {
      this.#running++
      this.#rows += rows
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
      }
      const one: Waiting = {
        rows,
        start: () => {
          end()
          this.#running++
          this.#rows += rows
          resolve()
        },
        refuse: () => {
          end()
          this.#refused()
          reject(this.#failure ?? this.#overloaded())
        }
      }
      const remove = (): void => void this.#queue.splice(this.#queue.indexOf(one), 1)
      const leave = (): void => {
        end()
        remove()
        reject(left())
      }
      const timer = setTimeout(() => {
        remove()
        one.refuse()
      }, this.#config.waitMs)
      timer.unref()
      signal.addEventListener('abort', leave, { once: true })
      const behind = this.#queue.findIndex((other) => other.rows > rows)
      this.#queue.splice(behind < 0 ? this.#queue.length : behind, 0, one)
      if (this.#queue.length > this.#config.waiting) this.#queue.pop()?.refuse()
      this.#startNext()
    })
  }

  #startNext(): void {
    for (
      let [next] = this.#queue;
      next !== undefined && this.#fits(next.rows);
      [next] = this.#queue
    ) {
      this.#queue.shift()
      next.start()
    }
  }

  #overloaded(): TapedeckError {
    return new TapedeckError(
      'OVERLOADED',
      `Too many reads: ${this.#running} run and ${this.#queue.length} wait (API_READS, API_READ_ROWS, API_READ_QUEUE), ` +
        `expected another attempt later, or for fewer rows`
    )
  }
}

function left(): TapedeckError {
  return new TapedeckError('ABORTED', 'Nobody waits for the read any more')
}
