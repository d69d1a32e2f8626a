import type { ChangedSeries, ForecastResult } from '@tapedeck/domain'
import {
  eventDocument,
  forecastDocument,
  insertForecastEvents,
  scoreDocuments,
  storeAbsences,
  storeForecasts,
  storeScores,
  storeSeries,
  type Acquired,
  type ForecastDocument,
  type ForecastScoreDocument,
  type ForecastSeriesDocument,
  type Writes
} from '@tapedeck/mongo'
import { retriedWrite, type WriterDeps } from './result-writer.ts'

/** What forecasting leaves to be written by one flush, made into documents at once. */
export interface ForecastWrites {
  readonly forecasts: Writes<ForecastDocument>
  readonly series: readonly ForecastSeriesDocument[]
  readonly scores: readonly ForecastScoreDocument[]
  readonly result: ForecastResult
  /** Series changed at this offset or later wait for their scores; null when none does. */
  readonly unscoredFrom: number | null
}

/** The series whose scores are to be written, and from where on others wait. */
export interface DueScores {
  readonly due: readonly ChangedSeries[]
  readonly unscoredFrom: number | null
}

/** Nothing to write. */
export function isEmpty({ forecasts, series, scores }: ForecastWrites): boolean {
  const { fresh, changed } = forecasts
  return fresh.length + changed.length + series.length + scores.length === 0
}

/** Makes the documents; afterwards nothing may see a series that moved on. */
export function forecastWritesOf(
  result: ForecastResult,
  { due, unscoredFrom }: DueScores,
  { log, epoch }: Acquired,
  offset: number
): ForecastWrites {
  const now = new Date()
  const source = { log, epoch, offset }
  return {
    result,
    unscoredFrom,
    forecasts: {
      fresh: result.made.map((entry) => forecastDocument(entry, source, now)),
      changed: result.changed.map((entry) => forecastDocument(entry, source, now))
    },
    series: result.series.map((series) => ({
      _id: series.id,
      state: series.state(),
      updatedAt: now,
      source
    })),
    scores: due.flatMap((series) => scoreDocuments(series, source, now))
  }
}

/**
 * Writes forecasts, then the states that know them: a state ahead of its forecasts would lose them
 * after a crash. Answers how many stored documents were newer.
 */
export async function writeForecasts(
  deps: WriterDeps,
  owner: Acquired,
  { forecasts, series, scores, result }: ForecastWrites
): Promise<number> {
  const { database, metrics } = deps
  const write = <T>(work: () => Promise<T>): Promise<T> => retriedWrite(deps, work)
  const newer = await write(() => storeForecasts(database, owner, forecasts))
  await Promise.all([
    write(() => storeScores(database, owner, scores)),
    write(() => insertForecastEvents(database, result.events.map(eventDocument))),
    write(() => storeAbsences(database, result.absences))
  ])
  await write(() => storeSeries(database, owner, series))
  for (const { status } of [...result.made, ...result.changed]) {
    metrics.forecastsStored.inc({ status })
  }
  for (const { reason, count } of result.absences) metrics.forecastsAbsent.inc({ reason }, count)
  metrics.changePoints.inc(result.events.length)
  return newer
}
