import { seriesId, tradingDateAt, type ForecastAbsence } from '@tapedeck/domain'
import { insertAll } from './bulk-write.ts'
import type { Database } from './database.ts'
import { forecastBytes } from './document-weights.ts'
import { COLLECTIONS } from './documents.ts'
import { translated } from './failure.ts'
import type {
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument,
  ForecastSeriesDocument
} from './forecast-documents.ts'
import { storeDocuments, type Owner, type Writes } from './guarded-store.ts'

/** Answers how many stored documents were newer and stayed. */
export async function storeForecasts(
  { db }: Database,
  owner: Owner,
  writes: Writes<ForecastDocument>
): Promise<number> {
  const collection = db.collection<ForecastDocument>(COLLECTIONS.forecasts)
  return storeDocuments(collection, owner, writes, forecastBytes)
}

/** The states of series; after their forecasts, never before. */
export async function storeSeries(
  { db }: Database,
  owner: Owner,
  changed: readonly ForecastSeriesDocument[]
): Promise<number> {
  const collection = db.collection<ForecastSeriesDocument>(COLLECTIONS.forecastSeries)
  return storeDocuments(collection, owner, { fresh: [], changed })
}

export async function storeScores(
  { db }: Database,
  owner: Owner,
  changed: readonly ForecastScoreDocument[]
): Promise<number> {
  const collection = db.collection<ForecastScoreDocument>(COLLECTIONS.forecastScores)
  return storeDocuments(collection, owner, { fresh: [], changed })
}

/** Change points, each once. */
export async function insertForecastEvents(
  { forecastEvents }: Database,
  documents: readonly ForecastEventDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store forecast events', () => insertAll(forecastEvents, documents))
}

/** Why no forecast was made: one document a series, reason and trading date, however often it is said. */
export async function storeAbsences(
  { forecastAbsences }: Database,
  absences: readonly ForecastAbsence[]
): Promise<void> {
  if (absences.length === 0) return
  await translated('Cannot store why forecasts are absent', () =>
    forecastAbsences.bulkWrite(
      absences.map(({ symbol, timeframe, horizon, reason, fromMs, toMs }) => {
        const { tradeDate } = tradingDateAt(symbol, fromMs)
        const _id = `${seriesId(symbol, timeframe, horizon)}|${reason}|${tradeDate}`
        return {
          updateOne: {
            filter: { _id },
            update: {
              $min: { from: new Date(fromMs) },
              $max: { to: new Date(toMs) },
              $setOnInsert: { symbol, timeframe, horizon, reason, tradeDate }
            },
            upsert: true
          }
        }
      }),
      { ordered: false }
    )
  )
}
