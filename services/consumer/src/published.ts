import { objectMaker, PUBLISHED_BAR } from '@tapedeck/domain'
import type { OutgoingRecord } from '@tapedeck/kafka'
import type { BarDocument, ForecastDocument, Writes } from '@tapedeck/mongo'

/** Results in one record at most: a broker takes a megabyte, and a bar is about 600 bytes. */
const MOST_IN_RECORD = 100

/**
 * Bars as they go to the topic `bars`: one record a key `symbol|timeframe` and flush, its bars
 * ascending, so that compaction keeps the newest and a backlog costs few records. Times are epoch ms.
 * After a crash a bar may come again: (source.epoch, source.offset) says which is newer. What can be
 * derived, and what only history needs, is in MongoDB: each further byte is paid for by every bar.
 */
export function barRecordsOf({ fresh, changed }: Writes<BarDocument>): OutgoingRecord[] {
  const byKey = Map.groupBy(
    [...changed, ...fresh],
    ({ symbol, timeframe }) => `${symbol}|${timeframe}`
  )
  return [...byKey].flatMap(([key, bars]) => {
    const [first] = bars
    const head = { version: 1, symbol: first?.symbol, timeframe: first?.timeframe }
    bars.sort((a, b) => a.start.getTime() - b.start.getTime())
    return partsOf(bars).map((part) => ({
      key,
      value: JSON.stringify({ ...head, bars: part.map(publishedBar) })
    }))
  })
}

/** Forecasts as they go to their topic: a record a key `symbol|timeframe|horizon|model` and flush. */
export function forecastRecordsOf({ fresh, changed }: Writes<ForecastDocument>): OutgoingRecord[] {
  const byKey = Map.groupBy(
    [...changed, ...fresh],
    ({ symbol, timeframe, horizon, model }) => `${symbol}|${timeframe}|${horizon}|${model}`
  )
  return [...byKey].flatMap(([key, forecasts]) => {
    const [first] = forecasts
    const head = {
      version: 1,
      symbol: first?.symbol,
      timeframe: first?.timeframe,
      horizon: first?.horizon,
      model: first?.model
    }
    forecasts.sort((a, b) => a.target.getTime() - b.target.getTime())
    return partsOf(forecasts).map((part) => ({
      key,
      value: JSON.stringify({ ...head, forecasts: part.map(publishedForecast) })
    }))
  })
}

function partsOf<T>(results: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let i = 0; i < results.length; i += MOST_IN_RECORD) {
    parts.push(results.slice(i, i + MOST_IN_RECORD))
  }
  return parts
}

const publishedBar = objectMaker<[BarDocument], Record<string, unknown>>({
  ...PUBLISHED_BAR,
  source: ({ source }) => source
})

function publishedForecast(one: ForecastDocument) {
  return {
    target: one.target.getTime(),
    targetEnd: one.targetEnd.getTime(),
    madeFrom: one.madeFrom.getTime(),
    lastClose: one.lastClose,
    forecast: one.forecast,
    bandLower: one.bandLower,
    bandUpper: one.bandUpper,
    bandFrom: one.bandFrom,
    status: one.status,
    reason: one.reason,
    actual: one.actual,
    error: one.error,
    naiveError: one.naiveError,
    inBand: one.inBand,
    scoreRevision: one.scoreRevision,
    createdAt: one.createdAt.getTime(),
    feed: one.feed,
    source: one.source
  }
}
