import type { BarRow, ForecastRow, TradeDocument } from '@tapedeck/mongo'

/** A trade as the api answers it. */
export function tradeRow(trade: TradeDocument) {
  return {
    id: trade._id,
    symbol: trade.symbol,
    time: trade.tradedAt.getTime(),
    tradedAt: trade.tradedAt.toISOString(),
    price: trade.price,
    size: trade.size,
    conditions: trade.conditions,
    session: trade.session,
    tradeDate: trade.tradeDate,
    receivedAt: trade.receivedAt.getTime(),
    feed: trade.feed
  }
}

/** A bar as the api answers it; `time` is the start of its window. */
export function barRow(bar: BarRow) {
  return {
    id: bar._id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    time: bar.start.getTime(),
    end: bar.end.getTime(),
    open: bar.open,
    high: bar.high,
    low: bar.low,
    close: bar.close,
    volume: bar.volume,
    notional: bar.notional,
    vwap: bar.vwap,
    tradeCount: bar.tradeCount,
    firstTradeAt: bar.firstTradeAt.getTime(),
    lastTradeAt: bar.lastTradeAt.getTime(),
    session: bar.session,
    tradeDate: bar.tradeDate,
    status: bar.status,
    revision: bar.revision,
    lateCount: bar.lateCount,
    policy: bar.policy,
    feed: bar.feed
  }
}

/** A forecast as the api answers it; `time` is the start of the bar whose close is forecast. */
export function forecastRow(one: ForecastRow) {
  return {
    id: one._id,
    symbol: one.symbol,
    timeframe: one.timeframe,
    time: one.target.getTime(),
    targetEnd: one.targetEnd.getTime(),
    madeFrom: one.madeFrom.getTime(),
    horizon: one.horizon,
    model: one.model,
    n: one.n,
    slope: one.slope,
    intercept: one.intercept,
    r2: one.r2,
    standardError: one.standardError,
    forecast: one.forecast,
    lower: one.lower,
    upper: one.upper,
    status: one.status,
    reason: one.reason,
    actual: one.actual,
    error: one.error,
    absError: magnitude(one.error),
    naiveForecast: one.lastClose,
    naiveError: one.naiveError,
    absNaiveError: magnitude(one.naiveError),
    feed: one.feed
  }
}

function magnitude(value: number | null): number | null {
  return value === null ? null : Math.abs(value)
}
