import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '@tapedeck/core'
import { encodeTradeRecord } from '@tapedeck/domain'
import { MAX_SEND_RECORDS, partitionOf, Publisher, type KafkaConfig } from '@tapedeck/kafka'
import { aRecord, aTrade } from '../../support/trades.ts'
import { symbolAt } from './synthetic-trades.ts'

export interface MarketShape {
  readonly symbols: number
  readonly partitions: number
  /** Trades a second, all symbols together. */
  readonly rate: number
  /** Trades that a burst adds within a second. */
  readonly burst: number
  /** When the bursts begin, seconds from the start. */
  readonly burstsAt: readonly number[]
}

const BURST_S = 1
/** Of one symbol in one record; a frame of Finnhub has ten trades at most. */
const TRADES_A_RECORD = 3
const TICK_MS = 5
const CONNECTION = `market-${process.pid}`

/** Trades that are due after some seconds. */
function tradesDue({ rate, burst, burstsAt }: MarketShape, seconds: number): number {
  const extra = burstsAt.map((at) => burst * Math.min(1, Math.max(0, (seconds - at) / BURST_S)))
  return rate * seconds + extra.reduce((sum, one) => sum + one, 0)
}

/**
 * Publishes the trades of a market as they happen: the k-th symbol has a share of them in proportion to 1/k (Zipf),
 * their prices walk at random. It knows what it published when, so that a reader's lag can be told.
 */
export class MarketLoad {
  /** Of each symbol that had any. */
  readonly bySymbol = new Map<string, number>()
  /** The most seconds of trades that were due and not yet published. */
  lateSeconds = 0
  trades = 0
  readonly #publisher: Publisher
  readonly #shape: MarketShape
  readonly #random = seededRandom(1)
  readonly #shares: Float64Array
  readonly #cents: Int32Array
  readonly #partitions: readonly number[]
  readonly #logs: readonly LogTimes[]
  #frame = 0

  constructor(kafka: KafkaConfig, shape: MarketShape) {
    const { symbols, partitions } = shape
    this.#shape = shape
    this.#publisher = new Publisher(kafka, { clientId: 'bench', topic: kafka.topic })
    let sum = 0
    this.#shares = Float64Array.from({ length: symbols }, (_, index) => (sum += 1 / (index + 1)))
    this.#cents = new Int32Array(symbols).fill(10_000)
    this.#partitions = Array.from({ length: symbols }, (_, index) =>
      partitionOf(symbolAt(index), partitions)
    )
    this.#logs = Array.from({ length: partitions }, () => new LogTimes())
  }

  /** Publishes until the signal aborts, and stops with the last send. */
  async run(signal: AbortSignal): Promise<void> {
    const startedMs = performance.now()
    while (!signal.aborted) {
      const due = tradesDue(this.#shape, (performance.now() - startedMs) / 1000)
      this.lateSeconds = Math.max(this.lateSeconds, (due - this.trades) / this.#shape.rate)
      const batch: ReturnType<typeof encodeTradeRecord>[] = []
      while (this.trades < due && batch.length < MAX_SEND_RECORDS) batch.push(this.#next())
      if (batch.length > 0) await this.#publisher.send(batch)
      if (batch.length < MAX_SEND_RECORDS) await sleep(TICK_MS)
    }
  }

  close(): Promise<void> {
    return this.#publisher.close()
  }

  /** Records of all partitions. */
  get records(): number {
    return this.#logs.reduce((sum, { end }) => sum + end, 0)
  }

  /**
   * How far a reader is behind that has stored everything below these offsets: records, and seconds since the oldest of
   * them was published.
   */
  behind(
    stored: ReadonlyMap<number, number>,
    nowMs: number
  ): { readonly records: number; readonly seconds: number } {
    let records = 0
    let oldestMs = nowMs
    for (const [partition, log] of this.#logs.entries()) {
      const offset = stored.get(partition) ?? 0
      records += log.end - offset
      oldestMs = Math.min(oldestMs, log.timeOf(offset) ?? nowMs)
    }
    return { records, seconds: (nowMs - oldestMs) / 1000 }
  }

  #next(): ReturnType<typeof encodeTradeRecord> {
    const which = this.#drawSymbol()
    const symbol = symbolAt(which)
    const nowMs = Date.now()
    const trades = Array.from({ length: TRADES_A_RECORD }, () => {
      const cents = Math.max(100, (this.#cents[which] ?? 0) + Math.floor(this.#random() * 5) - 2)
      this.#cents[which] = cents
      return aTrade({ p: cents / 100, t: nowMs, v: 100 })
    })
    this.trades += TRADES_A_RECORD
    this.bySymbol.set(symbol, (this.bySymbol.get(symbol) ?? 0) + TRADES_A_RECORD)
    this.#logs[this.#partitions[which] ?? 0]?.add(performance.now())
    return encodeTradeRecord(
      aRecord({ symbol, frame: ++this.#frame, trades, receivedAt: nowMs, connection: CONNECTION })
    )
  }

  #drawSymbol(): number {
    const drawn = this.#random() * (this.#shares.at(-1) ?? 0)
    let [from, to] = [0, this.#shares.length - 1]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#shares[middle] ?? 0) < drawn) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** When the records of one partition were published, on the monotonic clock. */
class LogTimes {
  readonly #timesMs: number[] = []

  get end(): number {
    return this.#timesMs.length
  }

  add(ms: number): void {
    this.#timesMs.push(ms)
  }

  timeOf(offset: number): number | undefined {
    return this.#timesMs[offset]
  }
}
