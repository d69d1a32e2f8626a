import type { ForecastAbsenceDocument, ForecastEventDocument, ForecastRow } from '@tapedeck/mongo'

/** Fields that forecasts lack which were stored before the fields existed. */
const UNSAID = {
  lookback: null,
  modelVersion: null,
  tradeDate: null,
  bandLower: null,
  bandUpper: null,
  bandFrom: null,
  naive: null,
  drift: null,
  scale: null,
  actualRevision: null,
  driftError: null,
  inOls: null,
  inBand: null,
  scoreRevision: null,
  corrections: [],
  madeAtOffset: null,
  timing: null
} as const

/** A forecast as the api returns it; `time` is the start of the bar whose close is forecast. */
export function forecastRow(stored: ForecastRow) {
  const one = { ...UNSAID, ...stored }
  const [targetEnd, createdAt] = [one.targetEnd.getTime(), one.createdAt.getTime()]
  return {
    id: one._id,
    symbol: one.symbol,
    timeframe: one.timeframe,
    time: one.target.getTime(),
    targetEnd,
    tradeDate: one.tradeDate,
    madeFrom: one.madeFrom.getTime(),
    createdAt,
    leadSeconds: (targetEnd - createdAt) / 1000,
    timing: one.timing,
    madeAtOffset: one.madeAtOffset,
    horizon: one.horizon,
    model: one.model,
    modelVersion: one.modelVersion,
    lookback: one.lookback,
    n: one.n,
    slope: one.slope,
    intercept: one.intercept,
    r2: one.r2,
    standardError: one.standardError,
    forecast: one.forecast,
    bandLower: one.bandLower,
    bandUpper: one.bandUpper,
    bandFrom: one.bandFrom,
    lower: one.lower,
    upper: one.upper,
    lastClose: one.lastClose,
    naive: one.naive,
    drift: one.drift,
    scale: one.scale,
    status: one.status,
    reason: one.reason,
    actual: one.actual,
    actualRevision: one.actualRevision,
    error: one.error,
    absError: magnitude(one.error),
    naiveForecast: one.lastClose,
    naiveError: one.naiveError,
    absNaiveError: magnitude(one.naiveError),
    driftError: one.driftError,
    absDriftError: magnitude(one.driftError),
    inOls: one.inOls,
    inBand: one.inBand,
    scoreRevision: one.scoreRevision,
    corrections: one.corrections,
    scoredAt: one.scoredAt?.getTime() ?? null,
    feed: one.feed
  }
}

/** A change point as a mark on a time axis, with a text for people. */
export function forecastEventRow(event: ForecastEventDocument) {
  const { kind, symbol, timeframe, horizon, model, modelVersion, statistic, threshold } = event
  return {
    id: event._id,
    time: event.at.getTime(),
    kind,
    symbol,
    timeframe,
    horizon,
    model,
    modelVersion,
    statistic,
    threshold,
    text:
      `${symbol} ${timeframe} +${horizon}: errors of ${model} rose permanently ` +
      `(${statistic.toFixed(1)} past ${threshold}), version ${modelVersion} begins`
  }
}

/** Bars without a forecast for one reason on one day; `time` and `timeEnd` are the first and last of them. */
export function forecastAbsenceRow(absence: ForecastAbsenceDocument) {
  const { symbol, timeframe, horizon, reason, tradeDate } = absence
  return {
    id: absence._id,
    time: absence.from.getTime(),
    timeEnd: absence.to.getTime(),
    symbol,
    timeframe,
    horizon,
    reason,
    tradeDate,
    text: `bars without a forecast, ${symbol} ${timeframe} +${horizon}: ${reason}`
  }
}

function magnitude(value: number | null): number | null {
  return value === null ? null : Math.abs(value)
}
