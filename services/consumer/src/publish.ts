import {
  objectMaker,
  PUBLISHED_BAR,
  tradingDateAt,
  type ActivityBar,
  type Bar,
  type ChangedSeries,
  type ClosedBatch,
  type ForecastAbsence,
  type GapRecord,
  type LedgerEntry
} from '@tapedeck/domain'
import type { DeadLetter, OutgoingRecord, SerialPublisher } from '@tapedeck/kafka'
import {
  announceFlush,
  barDocument,
  commitCheckpoint,
  eventDocument,
  forecastDocument,
  insertAmendments,
  insertForecastEvents,
  insertLateTrades,
  publishedForecast,
  rulesHash,
  scoreDocuments,
  storeAbsences,
  storeBars,
  storeForecasts,
  storeGaps,
  storeScores,
  storeSeries,
  storeSymbols,
  type Acquired,
  type AmendmentDocument,
  type BarDocument,
  type Database,
  type ForecastDocument,
  type ForecastEventDocument,
  type ForecastScoreDocument,
  type ForecastSeriesDocument,
  type KnownRecord,
  type LateTradeDocument,
  type LostRecords,
  type SymbolDocument,
  type Writes
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { ConsumerConfig } from './config.ts'
import type { ConsumerMetrics } from './metrics.ts'

/** What the partitions of a consumer share. */
export interface ConsumerDeps {
  readonly config: ConsumerConfig
  readonly database: Database
  readonly metrics: ConsumerMetrics
  readonly log: Logger
  /** Aborts when the service no longer waits for its servers. */
  readonly signal: AbortSignal
  /** Repeats work until the database answers or the signal aborts. */
  retry<T>(work: () => Promise<T>): Promise<T>
  sendDead(letters: readonly DeadLetter[]): Promise<void>
  /** Publishes bars; undefined when BARS_TOPIC is off. */
  readonly bars: SerialPublisher | undefined
  /** Publishes forecasts; undefined when FORECASTS_TOPIC is off. */
  readonly forecasts: SerialPublisher | undefined
}

export type SeenSymbol = Omit<SymbolDocument, 'firstSeenAt'>

/** The results of records beside trades, bars and forecasts. */
export interface SideResults {
  readonly late: readonly LateTradeDocument[]
  readonly dead: readonly DeadLetter[]
  readonly gaps: readonly GapRecord[]
  readonly amendments: readonly AmendmentDocument[]
  readonly symbols: readonly SeenSymbol[]
  /** What a former log may have had besides and no gap tells yet. */
  readonly lost: LostRecords | null
}

/** The series whose scores are written now, and the offset since when the scores of others wait. */
export interface DueScores {
  readonly due: readonly ChangedSeries[]
  readonly unscoredFrom: number | null
}

/** The documents of one closed batch. */
export interface BatchDocuments {
  readonly bars: Writes<BarDocument>
  readonly forecasts: Writes<ForecastDocument>
  readonly series: readonly ForecastSeriesDocument[]
  readonly scores: readonly ForecastScoreDocument[]
  readonly unscoredFrom: number | null
  readonly events: readonly ForecastEventDocument[]
  readonly absences: readonly ForecastAbsence[]
}

/** Makes the documents of a batch, before the next batch changes its bars and series. */
export function batchDocuments(
  { bars, activity, forecasts, nextOffset }: ClosedBatch,
  { due, unscoredFrom }: DueScores,
  owner: Acquired,
  policy: string
): BatchDocuments {
  const updatedAt = new Date()
  const source = { log: owner.log, epoch: owner.epoch, offset: nextOffset }
  const ofBar = (bar: Bar): BarDocument => {
    const { tradeDate } = tradingDateAt(bar.symbol, bar.startMs)
    return barDocument(bar, owner, { policy, tradeDate, updatedAt })
  }
  const ofActivity = ({ bar, tradeDate, ...span }: ActivityBar): BarDocument =>
    barDocument(bar, owner, { policy, tradeDate, updatedAt, span })
  const ofEntry = (entry: LedgerEntry): ForecastDocument =>
    forecastDocument(entry, source, updatedAt)
  return {
    bars: {
      fresh: [...bars.fresh.map(ofBar), ...activity.fresh.map(ofActivity)],
      changed: [...bars.changed.map(ofBar), ...activity.changed.map(ofActivity)]
    },
    forecasts: {
      fresh: forecasts.flatMap(({ made }) => made.map(ofEntry)),
      changed: forecasts.flatMap(({ changed }) => changed.map(ofEntry))
    },
    series: forecasts.flatMap(({ series }) =>
      series.map((one) => ({ _id: one.id, state: one.state(), updatedAt, source }))
    ),
    scores: due.flatMap((one) => scoreDocuments(one, source, updatedAt)),
    unscoredFrom,
    events: forecasts.flatMap(({ events }) => events.map(eventDocument)),
    absences: forecasts.flatMap(({ absences }) => absences)
  }
}

/** Whether a batch has no documents. */
export function isEmpty({ bars, forecasts, series, scores }: BatchDocuments): boolean {
  return all(bars).length + all(forecasts).length + series.length + scores.length === 0
}

/** What one flush writes. */
export interface Flush extends Pick<ClosedBatch, 'nextOffset' | 'watermarkMs' | 'state'> {
  /** No bar of this partition begins later, those of this flush included. */
  readonly storedUntilMs: number
  /** When the newest feed gap that was read was published, epoch ms; -Infinity when none was read. */
  readonly gapsMs: number
  /** The last record of the batch; undefined when none was read since the partition was acquired. */
  readonly lastRecord: KnownRecord | undefined
  readonly documents: BatchDocuments
  readonly side: SideResults
  /** The bars to publish. */
  readonly published: readonly BarDocument[]
  /** Resolves when the trades of the batch are stored. */
  readonly trades: { drained(): Promise<void> }
}

/**
 * Announces a flush, writes and publishes its results, and commits the checkpoint last.
 * @throws PARTITION_FENCED when another consumer owns the partition now
 */
export async function publishFlush(
  deps: ConsumerDeps,
  owner: Acquired,
  flush: Flush
): Promise<void> {
  const { database, metrics, retry } = deps
  const { nextOffset, watermarkMs, storedUntilMs, gapsMs, lastRecord } = flush
  const { documents, published, side, trades } = flush
  const { bars, forecasts, events, absences } = documents
  const forecastRecords = deps.forecasts === undefined ? [] : forecastRecordsOf(forecasts)

  const announced = { flushingTo: nextOffset, storedUntilMs, watermarkMs, gapsMs, lastRecord }
  await retry(() => announceFlush(database, owner, announced))
  const forecastsThenBars = async (): Promise<number> =>
    // A stored final bar is not made final again after a crash, so its forecasts are written before.
    (await writeForecasts(deps, owner, documents)) +
    (await retry(() => storeBars(database, owner, bars)))
  // Concurrently, so that serialising here and writing in the server overlap.
  const [newer] = await Promise.all([
    forecastsThenBars(),
    trades.drained(),
    publishBars(deps, published),
    retry(async () => deps.forecasts?.send(forecastRecords)),
    retry(() => deps.sendDead(side.dead)),
    retry(() => insertLateTrades(database, side.late)),
    retry(() => storeGaps(database, side.gaps)),
    retry(() => insertAmendments(database, side.amendments)),
    retry(() => storeSymbols(database, side.symbols))
  ])
  await writeCheckpoint(deps, owner, { ...flush, lost: side.lost })

  metrics.writesFenced.inc(newer)
  const nowMs = Date.now()
  for (const { status, lastTradeAt } of all(bars)) {
    metrics.barsStored.inc({ status })
    if (status === 'provisional') metrics.latency('bar_stored', nowMs - lastTradeAt.getTime())
  }
  for (const { status } of all(forecasts)) metrics.forecastsStored.inc({ status })
  for (const { reason, count } of absences) metrics.forecastsAbsent.inc({ reason }, count)
  metrics.changePoints.inc(events.length)
  if (deps.forecasts !== undefined) metrics.forecastsPublished.inc(all(forecasts).length)
}

/** Publishes bars to their topic, if there is one. */
export async function publishBars(
  { bars: topic, metrics, retry }: ConsumerDeps,
  bars: readonly BarDocument[]
): Promise<void> {
  if (topic === undefined || bars.length === 0) return
  const records = barRecordsOf(bars)
  await retry(() => topic.send(records))
  metrics.barsPublished.inc(bars.length)
}

/** Commits the checkpoint of a batch whose documents are written. @throws PARTITION_FENCED */
export async function writeCheckpoint(
  { config, database, retry }: ConsumerDeps,
  owner: Acquired,
  {
    nextOffset,
    state,
    documents: { unscoredFrom },
    lost
  }: Pick<Flush, 'nextOffset' | 'state' | 'documents'> & Pick<SideResults, 'lost'>
): Promise<void> {
  const done = { nextOffset, state, configHash: rulesHash(config), unscoredFrom, lost }
  await retry(() => commitCheckpoint(database, owner, done))
}

/**
 * Writes forecasts, then the states of their series: after a crash a state ahead of its forecasts would
 * lose them. Returns how many stored documents were newer.
 */
async function writeForecasts(
  { database, retry }: ConsumerDeps,
  owner: Acquired,
  { forecasts, series, scores, events, absences }: BatchDocuments
): Promise<number> {
  const newer = await retry(() => storeForecasts(database, owner, forecasts))
  await Promise.all([
    retry(() => storeScores(database, owner, scores)),
    retry(() => insertForecastEvents(database, events)),
    retry(() => storeAbsences(database, absences))
  ])
  await retry(() => storeSeries(database, owner, series))
  return newer
}

export function all<T>({ fresh, changed }: Writes<T>): readonly T[] {
  return [...changed, ...fresh]
}

/** Bars or forecasts in one record at most: a broker accepts a megabyte, and a bar has about 600 bytes. */
const MAX_IN_RECORD = 100

const publishedBar = objectMaker<[BarDocument], Record<string, unknown>>({
  ...PUBLISHED_BAR,
  source: ({ source }) => source
})

/**
 * Bars for the topic `bars`: one record for each `symbol|timeframe`, its bars ascending, so that
 * compaction keeps the newest ones and a backlog costs few records. After a crash a bar may be published
 * again: (source.epoch, source.offset) tells which is newer.
 */
export function barRecordsOf(bars: readonly BarDocument[]): OutgoingRecord[] {
  return recordsOf(
    bars,
    ['symbol', 'timeframe'],
    ({ start }) => start,
    (part) => ({
      bars: part.map((bar) => publishedBar(bar))
    })
  )
}

/** Forecasts for their topic: one record for each `symbol|timeframe|horizon|model`, as for bars. */
function forecastRecordsOf(forecasts: Writes<ForecastDocument>): OutgoingRecord[] {
  const key = ['symbol', 'timeframe', 'horizon', 'model'] as const
  return recordsOf(
    all(forecasts),
    key,
    ({ target }) => target,
    (part) => ({
      forecasts: part.map((one) => ({ ...publishedForecast(one), source: one.source }))
    })
  )
}

function recordsOf<T>(
  documents: readonly T[],
  keyFields: readonly (keyof T)[],
  timeOf: (document: T) => Date,
  published: (part: readonly T[]) => object
): OutgoingRecord[] {
  const byKey = Map.groupBy(documents, (one) => keyFields.map((field) => one[field]).join('|'))
  return [...byKey].flatMap(([key, own]) => {
    own.sort((a, b) => timeOf(a).getTime() - timeOf(b).getTime())
    const names = Object.fromEntries(keyFields.map((field) => [field, own[0]?.[field]]))
    const records: OutgoingRecord[] = []
    for (let i = 0; i < own.length; i += MAX_IN_RECORD) {
      const part = published(own.slice(i, i + MAX_IN_RECORD))
      records.push({ key, value: JSON.stringify({ version: 1, ...names, ...part }) })
    }
    return records
  })
}
