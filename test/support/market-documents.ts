import type {
  BarDocument,
  FeedGapDocument,
  FeedStatusDocument,
  ForecastDocument,
  LateTradeDocument,
  SymbolDocument,
  TradeDocument
} from '@tapedeck/mongo'
import { forecastParts } from './forecast-parts.ts'
import { GOLDEN_DOCUMENT } from './golden-bar.ts'

/** A Friday's regular session in New York. */
export const T0_MS = Date.UTC(2025, 0, 31, 15, 0, 0)
const SOURCE = { log: 'raw_data/0', offset: 1, epoch: 1 } as const

/** A trade `offsetMs` after T0. */
export function aTrade(
  symbol: string,
  offsetMs: number,
  parts: Partial<TradeDocument> = {}
): TradeDocument {
  const tradedAt = new Date(T0_MS + offsetMs)
  return {
    _id: `${symbol}-${offsetMs}-0`,
    symbol,
    price: 100,
    size: 10,
    tradedAt,
    receivedAt: new Date(T0_MS + offsetMs + 30),
    conditions: ['1', '12'],
    session: 'regular',
    tradeDate: '2025-01-31',
    eligible: 'price and volume',
    feed: 'simulated',
    ...parts
  }
}

/** A trade received `receivedMs` after T0 that was off by `byMs` and kept out of every bar. */
export function aLateTrade(
  symbol: string,
  receivedMs: number,
  reason: LateTradeDocument['reason'],
  byMs: number
): LateTradeDocument {
  return {
    ...aTrade(symbol, reason === 'from the future' ? receivedMs + byMs : receivedMs - byMs),
    receivedAt: new Date(T0_MS + receivedMs),
    reason,
    byMs
  }
}

/** The bar number `index` after T0. */
export function aBar(
  symbol: string,
  timeframe: string,
  windowMs: number,
  index: number,
  parts: Partial<BarDocument> = {}
): BarDocument {
  const startMs = T0_MS + index * windowMs
  return {
    ...GOLDEN_DOCUMENT,
    _id: `${symbol}|${timeframe}|${startMs}`,
    symbol,
    timeframe,
    start: new Date(startMs),
    end: new Date(startMs + windowMs),
    open: 100,
    high: 102,
    low: 99,
    close: 101,
    volume: 40,
    notional: 4020,
    vwap: 100.5,
    tradeCount: 4,
    firstTradeAt: new Date(startMs + 1),
    lastTradeAt: new Date(startMs + windowMs - 1),
    status: 'final',
    revision: 0,
    revisionCause: null,
    lateCount: 0,
    lateVolume: 0,
    coverage: 1,
    gapIds: [],
    updatedAt: new Date(startMs + windowMs + 2000),
    source: SOURCE,
    exact: { kept: 'never answered' },
    ...parts
  }
}

/** The forecast of one-minute bar number `index` after T0, scored with `error` or open. */
export function aForecast(
  symbol: string,
  index: number,
  scored: { readonly error: number; readonly naiveError: number } | undefined,
  parts: Partial<ForecastDocument> = {}
): ForecastDocument {
  const targetMs = T0_MS + index * 60_000
  return {
    _id: `${symbol}|1m|${targetMs}|1|linear-regression`,
    symbol,
    timeframe: '1m',
    horizon: 1,
    model: 'linear-regression',
    target: new Date(targetMs),
    targetEnd: new Date(targetMs + 60_000),
    madeFrom: new Date(targetMs - 60_000),
    lastClose: 100,
    lookback: 20,
    n: 20,
    slope: 0.1,
    intercept: 98,
    r2: 0.8,
    standardError: 0.2,
    forecast: 100.1,
    lower: 99.6,
    upper: 100.6,
    ...forecastParts(100, 100.1, scored === undefined ? null : 100.1 + scored.error),
    status: scored === undefined ? 'open' : 'scored',
    reason: null,
    actual: scored === undefined ? null : 100.1 + scored.error,
    error: scored?.error ?? null,
    naiveError: scored?.naiveError ?? null,
    feed: 'simulated',
    createdAt: new Date(targetMs + 2000),
    scoredAt: scored === undefined ? null : new Date(targetMs + 62_000),
    source: SOURCE,
    ...parts
  }
}

export function aSymbol(symbol: string, parts: Partial<SymbolDocument> = {}): SymbolDocument {
  return {
    _id: symbol,
    feed: 'simulated',
    firstSeenAt: new Date(T0_MS),
    lastPrice: 101,
    lastTradeAt: new Date(T0_MS + 5000),
    lastReceivedAt: new Date(T0_MS + 5030),
    ...parts
  }
}

/** What a producer said of its feed just now. */
export function aFeedStatus(parts: Partial<FeedStatusDocument> = {}): FeedStatusDocument {
  const now = new Date()
  return {
    _id: 'simulated',
    state: 'connected',
    explanation: 'connected, 1 symbol receiving',
    lastError: null,
    connection: '0mwv6bn8sff46',
    connectedAt: new Date(T0_MS),
    lastFrameAt: now,
    lastTradeAt: now,
    maxSymbols: 50,
    queuedFrames: 0,
    spooledBytes: 0,
    copiedFrames: 0,
    copiedTrades: 0,
    symbols: [
      {
        symbol: 'AAPL',
        standing: 'receiving',
        lastTradeAt: now,
        usualGapMs: 350.5,
        reason: null
      }
    ],
    updatedAt: now,
    ...parts
  }
}

/** An outage that began `fromMs` after T0 and ended `toMs` after it. */
export function aGap(
  id: string,
  fromMs: number | null,
  toMs: number | null,
  parts: Partial<FeedGapDocument> = {}
): FeedGapDocument {
  const at = (ms: number | null): Date | null => (ms === null ? null : new Date(T0_MS + ms))
  return {
    _id: id,
    feed: 'simulated',
    from: at(fromMs),
    to: at(toMs),
    cause: 'the feed closed the connection (1006)',
    symbols: [],
    updatedAt: new Date(T0_MS),
    ...parts
  }
}
