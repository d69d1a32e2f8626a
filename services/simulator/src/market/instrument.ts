import { tradesRoundTheClock } from '@tapedeck/domain'
import { randomOf } from './random.ts'

/** The properties of a symbol from which its trades are generated. */
export interface Instrument {
  readonly symbol: string
  readonly kind: 'stock' | 'crypto' | 'forex'
  readonly startPrice: number
  /** Deviation of the relative price change in one second. */
  readonly volatility: number
  /** Smallest step of a usual price. */
  readonly tick: number
  /** Prices are multiples of 1 / priceUnits; finer than the tick for sub-penny prints. */
  readonly priceUnits: number
}

/** Invented prices near those of late 2024. */
const STOCK_PRICES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    AAPL: 230,
    AMD: 140,
    AMZN: 205,
    AVGO: 165,
    BAC: 46,
    DIS: 115,
    F: 11,
    GOOG: 178,
    GOOGL: 176,
    IBM: 225,
    INTC: 24,
    IWM: 235,
    JPM: 245,
    KO: 63,
    META: 560,
    MSFT: 425,
    NFLX: 880,
    NVDA: 140,
    ORCL: 190,
    PLTR: 64,
    QQQ: 505,
    SPY: 590,
    TSLA: 340,
    WMT: 90,
    XOM: 120
  })
)

/** By the beginning of the pair, which all exchanges spell alike. */
const COIN_PRICES: readonly (readonly [RegExp, number])[] = [
  [/^(BTC|XBT)/, 91_000],
  [/^ETH/, 3100],
  [/^SOL/, 235],
  [/^BNB/, 620],
  [/^LTC/, 85],
  [/^XRP/, 1.4],
  [/^ADA/, 0.8],
  [/^DOGE/, 0.38]
]

/** Exchanges of currencies carry no sizes: Finnhub sends v = 0 for them. */
const FOREX = /^(OANDA|FXCM|FOREX\.COM|FHFX|IC MARKETS|PEPPERSTONE[^:]*|FXPIG):/i

/** Per square root of a second; 30 to 60 % a year for a stock, before its drift. */
const STOCK_VOLATILITY = { from: 0.5e-4, to: 0.9e-4 } as const
const CRYPTO_VOLATILITY = 0.8e-4
const FOREX_VOLATILITY = 0.2e-4

/** The instrument of any symbol; what is not known is drawn from a hash of its name. */
export function instrumentOf(symbol: string): Instrument {
  const random = randomOf(`instrument ${symbol}`)
  const share = random.uniform()
  if (!tradesRoundTheClock(symbol)) {
    const { from, to } = STOCK_VOLATILITY
    return {
      symbol,
      kind: 'stock',
      startPrice: STOCK_PRICES.get(symbol) ?? Math.round(between(8, 400, share) * 100) / 100,
      volatility: from + (to - from) * random.uniform(),
      tick: 0.01,
      priceUnits: 10_000
    }
  }
  if (FOREX.test(symbol)) {
    const startPrice = /EUR.?USD/.test(symbol) ? 1.16 : between(0.6, 1.6, share)
    const volatility = FOREX_VOLATILITY
    return { symbol, kind: 'forex', startPrice, volatility, tick: 1e-5, priceUnits: 100_000 }
  }
  const pair = symbol.slice(symbol.indexOf(':') + 1)
  const known = COIN_PRICES.find(([begins]) => begins.test(pair))
  const startPrice = known?.[1] ?? between(0.1, 100, share)
  const priceUnits = startPrice >= 1000 ? 100 : startPrice >= 1 ? 10_000 : 1_000_000
  return {
    symbol,
    kind: 'crypto',
    startPrice,
    volatility: CRYPTO_VOLATILITY,
    tick: 1 / priceUnits,
    priceUnits
  }
}

/** Log-uniform: as many low prices as high ones. */
function between(low: number, high: number, share: number): number {
  return low * (high / low) ** share
}
