import type { OutgoingRecord } from '@tapedeck/kafka'
import type { BarDocument, ForecastDocument, Writes } from '@tapedeck/mongo'

/** Results in one record at most: a broker takes a megabyte, and a bar is about 900 bytes. */
const MOST_IN_RECORD = 100

/**
 * Bars as they go to the topic `bars`: one record a key `symbol|timeframe` and flush, its bars
 * ascending, so that compaction keeps the newest and a backlog costs few records. Times are epoch ms.
 * After a crash a bar may come again: (source.epoch, source.offset) says which is newer.
 */
export function barRecordsOf({ fresh, changed }: Writes<BarDocument>): OutgoingRecord[] {
  const byKey = Map.groupBy(
    [...changed, ...fresh],
    ({ symbol, timeframe }) => `${symbol}|${timeframe}`
  )
  return [...byKey].flatMap(([key, bars]) =>
    recordsOf(
      key,
      'bars',
      bars.toSorted((a, b) => a.start.getTime() - b.start.getTime()).map(publishedBar)
    )
  )
}

/** Forecasts as they go to their topic: a record a key `symbol|timeframe|horizon|model` and flush. */
export function forecastRecordsOf({ fresh, changed }: Writes<ForecastDocument>): OutgoingRecord[] {
  const byKey = Map.groupBy(
    [...changed, ...fresh],
    ({ symbol, timeframe, horizon, model }) => `${symbol}|${timeframe}|${horizon}|${model}`
  )
  return [...byKey].flatMap(([key, forecasts]) =>
    recordsOf(
      key,
      'forecasts',
      forecasts.toSorted((a, b) => a.target.getTime() - b.target.getTime()).map(publishedForecast)
    )
  )
}

function recordsOf(key: string, name: string, results: readonly object[]): OutgoingRecord[] {
  const records: OutgoingRecord[] = []
  for (let i = 0; i < results.length; i += MOST_IN_RECORD) {
    const part = results.slice(i, i + MOST_IN_RECORD)
    records.push({ key, value: JSON.stringify({ version: 1, [name]: part }) })
  }
  return records
}

/** All but what only the consumer needs. Spelt out: copying by spread costs more than the JSON. */
function publishedBar(bar: BarDocument) {
  return {
    id: bar._id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    start: bar.start.getTime(),
    end: bar.end.getTime(),
    status: bar.status,
    revision: bar.revision,
    revisionCause: bar.revisionCause,
    open: bar.open,
    high: bar.high,
    low: bar.low,
    close: bar.close,
    volume: bar.volume,
    notional: bar.notional,
    vwap: bar.vwap,
    meanPrice: bar.meanPrice,
    sdPrice: bar.sdPrice,
    logReturn: bar.logReturn,
    realisedVolatility: bar.realisedVolatility,
    inferredUpVolume: bar.inferredUpVolume,
    inferredDownVolume: bar.inferredDownVolume,
    inferredUnchangedVolume: bar.inferredUnchangedVolume,
    tradeCount: bar.tradeCount,
    firstTradeAt: bar.firstTradeAt.getTime(),
    lastTradeAt: bar.lastTradeAt.getTime(),
    session: bar.session,
    tradeDate: bar.tradeDate,
    lateCount: bar.lateCount,
    lateVolume: bar.lateVolume,
    coverage: bar.coverage,
    gapIds: bar.gapIds,
    policy: bar.policy,
    conditionVersion: bar.conditionVersion,
    feed: bar.feed,
    source: bar.source
  }
}

function publishedForecast(one: ForecastDocument) {
  return {
    id: one._id,
    symbol: one.symbol,
    timeframe: one.timeframe,
    horizon: one.horizon,
    model: one.model,
    modelVersion: one.modelVersion,
    target: one.target.getTime(),
    targetEnd: one.targetEnd.getTime(),
    madeFrom: one.madeFrom.getTime(),
    lastClose: one.lastClose,
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
    naive: one.naive,
    drift: one.drift,
    status: one.status,
    reason: one.reason,
    actual: one.actual,
    error: one.error,
    naiveError: one.naiveError,
    inBand: one.inBand,
    scoreRevision: one.scoreRevision,
    createdAt: one.createdAt.getTime(),
    madeAtOffset: one.madeAtOffset,
    feed: one.feed,
    source: one.source
  }
}
