import {
  seriesId,
  type ChangedSeries,
  type Correction,
  type LedgerEntry,
  type ModelEvent,
  type ScoreReport
} from '@tapedeck/domain'
import type { Source } from './documents.ts'
import type {
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument,
  ScoreFields
} from './forecast-documents.ts'

/** A ledger entry as it is stored. */
export function forecastDocument(entry: LedgerEntry, source: Source, now: Date): ForecastDocument {
  const { id, targetMs, targetEndMs, madeFromMs, createdAtMs, ...rest } = entry
  return {
    _id: id,
    ...rest,
    target: new Date(targetMs),
    targetEnd: new Date(targetEndMs),
    madeFrom: new Date(madeFromMs),
    createdAt: new Date(createdAtMs),
    scoredAt: entry.status === 'open' ? null : now,
    source
  }
}

/** A stored forecast as the desk takes it up again. */
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
    createdAtMs: createdAt.getTime(),
    corrections: document.corrections as readonly Correction[]
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

function fieldsOf(scores: ScoreReport['last50'] | ScoreReport['total']): ScoreFields {
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
