import { BarAccumulator, ExactSum, type Bar, type BarTrade } from '@tapedeck/domain'
import type { BarDocument } from '@tapedeck/mongo'

const T0_MS = Date.UTC(2025, 0, 31, 15, 0, 0)
const TRADES = [
  { tMs: T0_MS + 250, price: 100.1, size: 10, direction: 0, squaredReturn: 0 },
  { tMs: T0_MS + 1250, price: 100.3, size: 20, direction: 1, squaredReturn: 398.8 },
  { tMs: T0_MS + 40_000, price: 99.9, size: 25.5, direction: -1, squaredReturn: 1596 },
  { tMs: T0_MS + 59_999, price: 100.2, size: 5, direction: 1, squaredReturn: 899.1 }
]
/** Every bit of MAY. */
const ALL = 0xff

/** A bar of four trades that one late trade and one outage have revised. */
export function goldenBar(): Bar {
  const accumulator = new BarAccumulator()
  TRADES.forEach((trade, index) => {
    const place = { connection: 'c1', sequence: index + 1, session: 'regular', feed: 'simulated' }
    accumulator.add({ ...trade, ...place, eligibility: ALL } as BarTrade)
  })
  const lateVolume = new ExactSum()
  lateVolume.set(2_500_000_000)
  return {
    id: GOLDEN_DOCUMENT._id,
    symbol: 'AAPL',
    timeframe: '1m',
    startMs: T0_MS,
    endMs: T0_MS + 60_000,
    status: 'revised',
    revision: 2,
    revisionCause: 'feed gap',
    lateCount: 1,
    lateVolume,
    gaps: [{ id: 'g1', fromMs: T0_MS + 15_000, toMs: T0_MS + 30_000 }],
    offset: 43,
    accumulator
  } as unknown as Bar
}

/** The golden bar as MongoDB has it, in the order of its fields. */
export const GOLDEN_DOCUMENT: BarDocument = {
  _id: `AAPL|1m|${T0_MS}`,
  symbol: 'AAPL',
  timeframe: '1m',
  start: new Date(T0_MS),
  end: new Date(T0_MS + 60_000),
  open: 100.1,
  high: 100.3,
  low: 99.9,
  close: 100.2,
  volume: 60.5,
  notional: 6055.45,
  vwap: 100.0900826446281,
  meanPrice: 100.125,
  sdPrice: 0.1479019945774904,
  logReturn: 0.0009985023295896,
  realisedVolatility: 0.00537949811785449,
  inferredUpVolume: 25,
  inferredDownVolume: 25.5,
  inferredUnchangedVolume: 10,
  tradeCount: 4,
  firstTradeAt: new Date(T0_MS + 250),
  lastTradeAt: new Date(T0_MS + 59_999),
  session: 'regular',
  tradeDate: '2025-01-31',
  status: 'revised',
  revision: 2,
  revisionCause: 'feed gap',
  lateCount: 1,
  lateVolume: 25,
  coverage: 0.75,
  gapIds: ['g1'],
  policy: 'feed',
  conditionVersion: 1,
  feed: 'simulated',
  updatedAt: new Date(T0_MS + 62_000),
  source: { log: 'raw_data/0', epoch: 3, offset: 43 },
  exact: {
    sums: [
      6_050_000_000, 605_545_000_000, 6_050_000_000, 40_050_000_000, 4_010_015_000_000,
      289_390_000_000, 2_500_000_000, 2_550_000_000, 1_000_000_000
    ],
    priceCount: 4,
    first: [T0_MS + 250, 'c1', 1, 100.1],
    last: [T0_MS + 59_999, 'c1', 4, 100.2],
    fallback: null,
    lateVolume: 2_500_000_000,
    gaps: [['g1', T0_MS + 15_000, T0_MS + 30_000]]
  }
}

/** The golden bar as the api answers it. */
export const GOLDEN_ROW = {
  id: GOLDEN_DOCUMENT._id,
  symbol: 'AAPL',
  timeframe: '1m',
  time: T0_MS,
  end: T0_MS + 60_000,
  open: 100.1,
  high: 100.3,
  low: 99.9,
  close: 100.2,
  volume: 60.5,
  notional: 6055.45,
  vwap: 100.0900826446281,
  meanPrice: 100.125,
  sdPrice: 0.1479019945774904,
  logReturn: 0.0009985023295896,
  changePercent: 0.09990009990010762,
  realisedVolatility: 0.00537949811785449,
  inferredUpVolume: 25,
  inferredDownVolume: 25.5,
  inferredUnchangedVolume: 10,
  tradeCount: 4,
  firstTradeAt: T0_MS + 250,
  lastTradeAt: T0_MS + 59_999,
  session: 'regular',
  tradeDate: '2025-01-31',
  status: 'revised',
  revision: 2,
  revisionCause: 'feed gap',
  lateCount: 1,
  lateVolume: 25,
  coverage: 0.75,
  coveragePercent: 75,
  isComplete: false,
  gapIds: ['g1'],
  policy: 'feed',
  conditionVersion: 1,
  feed: 'simulated'
}

/** The golden bar as the topic `bars` has it. */
export const GOLDEN_PUBLISHED = {
  id: GOLDEN_DOCUMENT._id,
  start: T0_MS,
  end: T0_MS + 60_000,
  status: 'revised',
  revision: 2,
  revisionCause: 'feed gap',
  open: 100.1,
  high: 100.3,
  low: 99.9,
  close: 100.2,
  volume: 60.5,
  notional: 6055.45,
  vwap: 100.0900826446281,
  tradeCount: 4,
  lastTradeAt: T0_MS + 59_999,
  lateCount: 1,
  coverage: 0.75,
  gapIds: ['g1'],
  session: 'regular',
  tradeDate: '2025-01-31',
  policy: 'feed',
  feed: 'simulated',
  source: { log: 'raw_data/0', epoch: 3, offset: 43 }
}

/** The JSON schema of each field of a row. */
export const GOLDEN_SCHEMA = {
  id: { type: 'string' },
  symbol: { type: 'string' },
  timeframe: { type: 'string' },
  time: { type: 'integer' },
  end: { type: 'integer' },
  open: { type: ['number', 'null'] },
  high: { type: ['number', 'null'] },
  low: { type: ['number', 'null'] },
  close: { type: ['number', 'null'] },
  volume: { type: 'number' },
  notional: { type: 'number' },
  vwap: { type: ['number', 'null'] },
  meanPrice: { type: ['number', 'null'] },
  sdPrice: { type: ['number', 'null'] },
  logReturn: { type: ['number', 'null'] },
  changePercent: { type: ['number', 'null'] },
  realisedVolatility: { type: ['number', 'null'] },
  inferredUpVolume: { type: ['number', 'null'] },
  inferredDownVolume: { type: ['number', 'null'] },
  inferredUnchangedVolume: { type: ['number', 'null'] },
  tradeCount: { type: 'integer' },
  firstTradeAt: { type: 'integer' },
  lastTradeAt: { type: 'integer' },
  session: { type: 'string' },
  tradeDate: { type: 'string' },
  status: { type: 'string', enum: ['provisional', 'final', 'revised'] },
  revision: { type: 'integer' },
  revisionCause: { type: ['string', 'null'] },
  lateCount: { type: 'integer' },
  lateVolume: { type: ['number', 'null'] },
  coverage: { type: ['number', 'null'] },
  coveragePercent: { type: ['number', 'null'] },
  isComplete: { type: 'boolean' },
  gapIds: { type: 'array', items: { type: 'string' } },
  policy: { type: 'string' },
  conditionVersion: { type: ['integer', 'null'] },
  feed: { type: 'string' }
}
