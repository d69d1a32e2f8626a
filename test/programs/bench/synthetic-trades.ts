import type { FeedTrade, TradeRecord } from '@tapedeck/domain'
import { RECORD_VERSION } from '@tapedeck/domain'
import { wholeNumbers } from '../../support/random-numbers.ts'

export interface SyntheticOptions {
  readonly trades: number
  readonly symbols: number
  /** Trades of one record, all of one symbol. */
  readonly perRecord: number
  /** Trades a second of event time, all symbols together. */
  readonly rate: number
  readonly seed: number
}

const MOST = 1_000_000_000

/** The options of a command line that say which trades to make. */
export const SYNTHETIC_OPTIONS = {
  trades: ['text', 'N', 'trades of one run (200000)'],
  symbols: ['text', 'N', 'symbols of the synthetic records (100)'],
  rate: ['text', 'N', 'trades a second of event time (1000)'],
  'per-record': ['text', 'N', 'trades of one record, 1, 2, 5 or 10 (5)'],
  seed: ['text', 'N', 'of the synthetic records (1)']
} as const

/** Reads them: 200 000 trades of 100 symbols, 5 a record, 1000 a second and seed 1 unless told. */
export function readSyntheticOptions(
  given: {
    whole(name: keyof typeof SYNTHETIC_OPTIONS, min: number, max: number): number | undefined
  },
  trades = 200_000
): SyntheticOptions {
  return {
    trades: given.whole('trades', 1, MOST) ?? trades,
    symbols: given.whole('symbols', 1, MOST) ?? 100,
    perRecord: given.whole('per-record', 1, 10) ?? 5,
    rate: given.whole('rate', 1, MOST) ?? 1000,
    seed: given.whole('seed', 0, MOST) ?? 1
  }
}

/** 2026-03-10 14:00 UTC, a Tuesday in regular hours. */
const SYNTHETIC_START_MS = Date.UTC(2026, 2, 10, 14)
const CONNECTION = '0mwv6bn8sff46'
const CONDITIONS: readonly (readonly string[])[] = [['1'], ['1'], ['1', '8'], ['1', '12'], []]
/** A symbol keeps the stream for so many trades, so that records of up to so many are its own. */
const RUN = 10

/**
 * Seeded trades of many symbols in order of time, as the producer publishes them. The same options
 * but for `perRecord` (a divisor of 10) give the same trades, only cut differently.
 */
export function* syntheticRecords(options: SyntheticOptions): Generator<TradeRecord> {
  const { trades, symbols, perRecord, rate, seed } = options
  const next = wholeNumbers(seed)
  const cents = new Map<number, number>()
  let frame = 0
  for (let made = 0; made < trades; made += RUN) {
    const which = next(symbols)
    const run: FeedTrade[] = []
    for (let i = made; i < Math.min(made + RUN, trades); i++) {
      const price = Math.max(100, (cents.get(which) ?? 10_000 + which) + next(5) - 2)
      cents.set(which, price)
      run.push({
        p: next(20) === 0 ? (price * 100 + next(100)) / 10_000 : price / 100,
        t: SYNTHETIC_START_MS + Math.floor((i * 1000) / rate),
        v: next(3) === 0 ? 1 + next(99) : 100 * (1 + next(5)),
        c: CONDITIONS[next(CONDITIONS.length)] ?? []
      })
    }
    for (let from = 0; from < run.length; from += perRecord) {
      yield record(symbolAt(which), ++frame, run.slice(from, from + perRecord))
    }
  }
}

/** The name of a symbol by its number, 0 and up. */
export function symbolAt(index: number): string {
  return `S${index.toString(36).toUpperCase()}`
}

function record(symbol: string, frame: number, trades: readonly FeedTrade[]): TradeRecord {
  return {
    version: RECORD_VERSION,
    feed: 'synthetic',
    symbol,
    connection: CONNECTION,
    frame,
    receivedAt: (trades.at(-1)?.t ?? 0) + 40,
    indexes: trades.map((_, index) => index),
    trades
  }
}
