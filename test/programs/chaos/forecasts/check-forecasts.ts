import { lengthOf, seriesId, type ForecastSpec } from '@tapedeck/domain'
import type { CheckpointDocument, Database, FeedGapDocument } from '@tapedeck/mongo'
import type { Findings } from '../findings.ts'
import type { TopicTrade } from '../topic-truth.ts'
import { checkScores } from './check-scores.ts'
import { checkSeries, FORECAST_KINDS, type LedgerCount } from './check-series.ts'
import type { SeriesBar, SeriesFacts, StoredBar } from './series-facts.ts'
import { truthBars } from './truth-bars.ts'

/** What became of the forecasts: counts, and how many findings of each kind. */
export interface ForecastCheck extends LedgerCount {
  readonly series: number
  /** Models of series with scores, and those whose scores equal a count over the ledger. */
  readonly scores: number
  readonly equalScores: number
  readonly found: Readonly<Record<keyof typeof FORECAST_KINDS, number>>
}

export interface ForecastCheckOptions {
  readonly topic: string
  readonly specs: readonly ForecastSpec[]
  readonly allowedDelayMs: number
}

/**
 * Every forecast stands once, rests on what the topic held below its offset, and has the outcome that
 * the stored bars give it; none is missing; scores and states say the same as the forecasts.
 *
 * @param truth in the order of the feed
 */
export async function checkForecasts(
  database: Database,
  truth: readonly TopicTrade[],
  { topic, specs, allowedDelayMs }: ForecastCheckOptions,
  findings: Findings
): Promise<ForecastCheck> {
  const gaps = await database.feedGaps.find().toArray()
  const checkpoints = await database.checkpoints.find().toArray()
  const watermarks = watermarksOf(truth, allowedDelayMs)
  const bySymbol = Map.groupBy(truth, ({ symbol }) => symbol)
  const counts: LedgerCount[] = []
  let scores = 0
  let equalScores = 0
  const expected = new Set<string>()
  for (const [timeframe, own] of Map.groupBy(specs, (spec) => spec.timeframe)) {
    for (const [symbol, trades] of bySymbol) {
      const partition = trades[0]?.partition ?? -1
      const log = `${topic}/${partition}`
      const bars = await seriesBars(database, symbol, timeframe, trades)
      const places = new Map(bars.map(({ startMs }, place) => [startMs, place]))
      const at = checkpointOf(checkpoints, log, watermarks.get(partition) ?? -Infinity)
      for (const spec of own) {
        const id = seriesId(symbol, timeframe, spec.horizon)
        const lengthMs = lengthOf(timeframe) ?? NaN
        const facts: SeriesFacts = {
          id,
          symbol,
          spec,
          lengthMs,
          bars,
          places,
          log,
          gaps: concerning(gaps, log),
          ...at
        }
        expected.add(id)
        counts.push(await checkSeries(database, facts, findings))
        const checked = await checkScores(database, facts, FORECAST_KINDS.score, findings)
        scores += checked.scores
        equalScores += checked.equal
      }
    }
  }
  await checkForeign(database, expected, findings)
  const total = (of: keyof LedgerCount): number => counts.reduce((sum, one) => sum + one[of], 0)
  const found = Object.entries(FORECAST_KINDS).map(
    ([name, kind]) => [name, findings.countOf(kind)] as const
  )
  return {
    series: expected.size,
    entries: total('entries'),
    scored: total('scored'),
    void: total('void'),
    open: total('open'),
    rewritten: total('rewritten'),
    bars: total('bars'),
    undecided: total('undecided'),
    unfitted: total('unfitted'),
    unfollowed: total('unfollowed'),
    scores,
    equalScores,
    found: Object.fromEntries(found) as ForecastCheck['found']
  }
}

/** Entries of series that nobody asked for. */
async function checkForeign(
  { forecasts }: Database,
  expected: ReadonlySet<string>,
  findings: Findings
): Promise<void> {
  const groups = forecasts.aggregate<{
    _id: { symbol: string; timeframe: string; horizon: number }
    count: number
  }>([
    {
      $group: {
        _id: { symbol: '$symbol', timeframe: '$timeframe', horizon: '$horizon' },
        count: { $sum: 1 }
      }
    }
  ])
  for await (const { _id, count } of groups) {
    const id = seriesId(_id.symbol, _id.timeframe, _id.horizon)
    if (expected.has(id)) continue
    findings.add(FORECAST_KINDS.origin, `series ${id}: ${count} forecasts, expected no such series`)
  }
}

async function seriesBars(
  { bars }: Database,
  symbol: string,
  timeframe: string,
  trades: readonly TopicTrade[]
): Promise<SeriesBar[]> {
  const stored = await bars
    .find({ symbol, timeframe })
    .project<StoredBar>({
      symbol: 1,
      start: 1,
      status: 1,
      revision: 1,
      close: 1,
      coverage: 1,
      lateCount: 1,
      tradeCount: 1,
      gapIds: 1,
      'versions.coverage': 1,
      'versions.gapIds': 1
    })
    .toArray()
  const byStart = new Map(stored.map((bar) => [bar.start.getTime(), bar]))
  return truthBars(trades, timeframe).map((bar) => ({ ...bar, stored: byStart.get(bar.startMs) }))
}

/** Of each partition: the newest trade less the delay. Never too late, whatever the clock added. */
function watermarksOf(truth: readonly TopicTrade[], delayMs: number): Map<number, number> {
  const newest = new Map<number, number>()
  for (const { partition, t } of truth) {
    newest.set(partition, Math.max(newest.get(partition) ?? -Infinity, t - delayMs))
  }
  return newest
}

function checkpointOf(
  checkpoints: readonly CheckpointDocument[],
  log: string,
  leastWatermarkMs: number
): Pick<SeriesFacts, 'nextOffset' | 'watermarkMs'> {
  const found = checkpoints.find(({ _id }) => _id === log)
  const state = found?.state as { watermark?: { watermarkMs?: number } | null } | undefined
  const storedMs = state?.watermark?.watermarkMs ?? -Infinity
  return {
    nextOffset: found?.nextOffset ?? 0,
    watermarkMs: Math.max(storedMs, leastWatermarkMs)
  }
}

function concerning(gaps: readonly FeedGapDocument[], log: string): FeedGapDocument[] {
  return gaps.filter((gap) => gap.log === undefined || gap.log === log)
}
