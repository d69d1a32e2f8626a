import {
  seriesId,
  type ChangedSeries,
  type LedgerEntry,
  type ModelEvent,
  type TestedScores
} from '@tapedeck/domain'
import type { Source } from './documents.ts'
import type {
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument,
  ScoreFields
} from './forecast-documents.ts'

/** A ledger entry as it is stored. Spelt out: copying by spread costs more than the forecast. */
export function forecastDocument(entry: LedgerEntry, source: Source, now: Date): ForecastDocument {
  return {
    _id: entry.id,
    symbol: entry.symbol,
    timeframe: entry.timeframe,
    horizon: entry.horizon,
    lookback: entry.lookback,
    model: entry.model,
    modelVersion: entry.modelVersion,
    target: new Date(entry.targetMs),
    targetEnd: new Date(entry.targetEndMs),
    tradeDate: entry.tradeDate,
    madeFrom: new Date(entry.madeFromMs),
    lastClose: entry.lastClose,
    n: entry.n,
    slope: entry.slope,
    intercept: entry.intercept,
    r2: entry.r2,
    standardError: entry.standardError,
    forecast: entry.forecast,
    lower: entry.lower,
    upper: entry.upper,
    bandLower: entry.bandLower,
    bandUpper: entry.bandUpper,
    bandFrom: entry.bandFrom,
    naive: entry.naive,
    drift: entry.drift,
    scale: entry.scale,
    feed: entry.feed,
    status: entry.status,
    reason: entry.reason,
    actual: entry.actual,
    actualRevision: entry.actualRevision,
    error: entry.error,
    naiveError: entry.naiveError,
    driftError: entry.driftError,
    inOls: entry.inOls,
    inBand: entry.inBand,
    scoreRevision: entry.scoreRevision,
    corrections: entry.corrections,
    createdAt: new Date(entry.createdAtMs),
    madeAtOffset: entry.madeAtOffset,
    scoredAt: entry.status === 'open' ? null : now,
    source
  }
}

/** A stored forecast as the engine takes it up again. */
export function ledgerEntry(document: ForecastDocument): LedgerEntry {
  const {
    _id,
    target,
    targetEnd,
    madeFrom,
    createdAt,
    scoredAt: _s,
    source: _o,
    ...rest
  } = document
  return {
    ...rest,
    id: _id,
    targetMs: target.getTime(),
    targetEndMs: targetEnd.getTime(),
    madeFromMs: madeFrom.getTime(),
    createdAtMs: createdAt.getTime()
  }
}

/** The scores of each model of a series as they are stored. */
export function scoreDocuments(
  series: ChangedSeries,
  source: Source,
  updatedAt: Date
): ForecastScoreDocument[] {
  const { id, symbol, timeframe, horizon } = series
  return [...series.scores()].map(([model, report]) => {
    const { last50, last500, day, total, ...headline } = report
    return {
      _id: `${id}|${model}`,
      symbol,
      timeframe,
      horizon,
      model,
      ...headline,
      last50: fieldsOf(last50),
      last500: fieldsOf(last500),
      day: fieldsOf(day),
      total: fieldsOf(total),
      updatedAt,
      source
    }
  })
}

function fieldsOf(scores: TestedScores): ScoreFields {
  return { ...scores }
}

export function eventDocument(event: ModelEvent): ForecastEventDocument {
  const { atMs, symbol, timeframe, horizon, model, modelVersion, statistic, threshold } = event
  return {
    _id: `${seriesId(symbol, timeframe, horizon)}|${model}|${modelVersion}`,
    kind: 'change point',
    symbol,
    timeframe,
    horizon,
    model,
    modelVersion,
    at: new Date(atMs),
    statistic,
    threshold
  }
}
