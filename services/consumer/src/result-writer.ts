import { fullJitter, retry } from '@tapedeck/core'
import {
  tradingDateAt,
  type ActivityBar,
  type Bar,
  type ChangedBars,
  type FoldState
} from '@tapedeck/domain'
import type { DeadLetter, SerialPublisher } from '@tapedeck/kafka'
import {
  announceFlush,
  barDocument,
  commitCheckpoint,
  insertAmendments,
  insertLateTrades,
  rulesHash,
  storeBars,
  storeGaps,
  storeSymbols,
  type Acquired,
  type BarDocument,
  type Database,
  type Writes
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { ConsumerConfig } from './config.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import { writeForecasts, type ForecastWrites } from './forecast-writes.ts'
import { barRecordsOf, forecastRecordsOf } from './published.ts'
import type { SideResults } from './side-results.ts'
import type { TradeWriter } from './trade-writer.ts'

export interface WriterDeps {
  readonly config: ConsumerConfig
  readonly database: Database
  readonly metrics: ConsumerMetrics
  readonly log: Logger
  /** Aborts when the service stops waiting for its servers. */
  readonly signal: AbortSignal
  sendDead(letters: readonly DeadLetter[]): Promise<void>
  /** Where bars are published; undefined when they are not. */
  readonly bars: SerialPublisher | undefined
  /** Where forecasts are published; undefined when they are not. */
  readonly forecasts: SerialPublisher | undefined
}

/** What one flush writes: the results of every record below `nextOffset`, and the state there. */
export interface Results extends SideResults {
  readonly nextOffset: number
  readonly watermarkMs: number
  readonly state: FoldState
  /** No bar of this partition begins later, these included. */
  readonly storedUntilMs: number
  readonly bars: ChangedBars<Bar>
  readonly activity: ChangedBars<ActivityBar>
  readonly forecasts: ForecastWrites
  /** Holds the trades that are not inserted yet. */
  readonly trades: TradeWriter
}

/**
 * Announces the flush, writes everything, and commits the checkpoint last.
 * @throws PARTITION_FENCED when another consumer took the partition over
 */
export async function writeResults(
  deps: WriterDeps,
  owner: Acquired,
  results: Results
): Promise<void> {
  const { database, config, metrics } = deps
  const { nextOffset, watermarkMs, storedUntilMs, forecasts } = results
  // Documents are made first, at once: afterwards nothing may see a bar that moved on.
  const barWrites = barWritesOf(results, owner, config.fold.policy)
  const barRecords = deps.bars === undefined ? [] : barRecordsOf(barWrites)
  const forecastRecords = deps.forecasts === undefined ? [] : forecastRecordsOf(forecasts.forecasts)
  const write = <T>(work: () => Promise<T>): Promise<T> => retriedWrite(deps, work)

  const announced = { flushingTo: nextOffset, storedUntilMs, watermarkMs }
  await write(() => announceFlush(database, owner, announced))
  const forecastsThenBars = async (): Promise<number> =>
    // A bar stored as final is not made final again after a crash, so its forecast must be there.
    (await writeForecasts(deps, owner, forecasts)) +
    (await write(() => storeBars(database, owner, barWrites)))
  // Side by side, so that serialising here and writing there overlap.
  const [newer] = await Promise.all([
    forecastsThenBars(),
    results.trades.drained(),
    write(async () => deps.bars?.send(barRecords)),
    write(async () => deps.forecasts?.send(forecastRecords)),
    write(() => deps.sendDead(results.dead)),
    write(() => insertLateTrades(database, results.late)),
    write(() => storeGaps(database, results.gaps)),
    write(() => insertAmendments(database, results.amendments)),
    write(() => storeSymbols(database, results.symbols))
  ])
  await writeCheckpoint(deps, owner, results)

  metrics.writesFenced.inc(newer)
  const written = [...barWrites.fresh, ...barWrites.changed]
  for (const { status } of written) metrics.barsStored.inc({ status })
  if (deps.bars !== undefined) metrics.barsPublished.inc(written.length)
  const { made, changed } = forecasts.result
  if (deps.forecasts !== undefined) metrics.forecastsPublished.inc(made.length + changed.length)
}

/** The checkpoint alone: all it speaks of is written. @throws PARTITION_FENCED */
export async function writeCheckpoint(
  deps: WriterDeps,
  owner: Acquired,
  { nextOffset, state, forecasts }: Pick<Results, 'nextOffset' | 'state' | 'forecasts'>
): Promise<void> {
  const { database, config } = deps
  const { unscoredFrom } = forecasts
  const done = { nextOffset, state, configHash: rulesHash(config), unscoredFrom }
  await retriedWrite(deps, () => commitCheckpoint(database, owner, done))
}

/** Repeats a write until the database answers or the service gives up. */
export function retriedWrite<T>(
  { signal, metrics, log }: Pick<WriterDeps, 'signal' | 'metrics' | 'log'>,
  work: () => Promise<T>
): Promise<T> {
  return retry(work, {
    delayMs: fullJitter({ baseMs: 100, capMs: 5000 }),
    signal,
    onRetry(error, waitMs) {
      metrics.retries.inc()
      log.warn({ err: error, waitMs }, 'trying again')
    }
  })
}

function barWritesOf(
  { bars, activity }: Pick<Results, 'bars' | 'activity'>,
  owner: Acquired,
  policy: string
): Writes<BarDocument> {
  const updatedAt = new Date()
  const ofBar = (bar: Bar): BarDocument => {
    const { tradeDate } = tradingDateAt(bar.symbol, bar.startMs)
    return barDocument(bar, owner, { policy, tradeDate, updatedAt })
  }
  const ofActivity = ({ bar, tradeDate, ...span }: ActivityBar): BarDocument =>
    barDocument(bar, owner, { policy, tradeDate, updatedAt, span })
  return {
    fresh: [...bars.fresh.map(ofBar), ...activity.fresh.map(ofActivity)],
    changed: [...bars.changed.map(ofBar), ...activity.changed.map(ofActivity)]
  }
}
