import type { MetricSample } from '@tapedeck/service'

/** The counter of each measure, of one service; its labels are added. */
export const COUNTED = {
  received: { service: 'producer', counter: 'tapedeck_trades_received_total' },
  published: { service: 'producer', counter: 'tapedeck_trades_published_total' },
  stored: { service: 'consumer', counter: 'tapedeck_trades_stored_total' },
  bars: { service: 'consumer', counter: 'tapedeck_bars_stored_total' },
  forecasts: { service: 'consumer', counter: 'tapedeck_forecasts_stored_total' },
  streamed: { service: 'api', counter: 'tapedeck_stream_trades_total' },
  refused: { service: 'producer', counter: 'tapedeck_trades_refused_total' },
  lost: { service: 'producer', counter: 'tapedeck_trades_lost_total' },
  deadLetters: { service: 'consumer', counter: 'tapedeck_records_dead_total' },
  sendRetries: { service: 'producer', counter: 'tapedeck_publish_retries_total' },
  writeRetries: { service: 'consumer', counter: 'tapedeck_database_retries_total' }
} as const satisfies Readonly<Record<string, { service: string; counter: string }>>

/** The gauges of each measure: of several targets or labels the sum, or the greatest. */
export const GAUGED = {
  queued: { service: 'producer', gauge: 'tapedeck_queued_records', of: 'sum' },
  spooledBytes: { service: 'producer', gauge: 'tapedeck_spool_bytes', of: 'sum' },
  lag: { service: 'consumer', gauge: 'tapedeck_consumer_lag_records', of: 'sum' },
  newestCheckpoint: { service: 'consumer', gauge: 'tapedeck_checkpoint_seconds', of: 'greatest' }
} as const satisfies Readonly<
  Record<string, { service: string; gauge: string; of: 'sum' | 'greatest' }>
>

/** The stages of `tapedeck_latency_seconds`, with the service that observes each. */
export const STAGES = {
  receipt: 'producer',
  broker: 'producer',
  stored: 'consumer',
  stream: 'api',
  bar_stored: 'consumer',
  bar_stream: 'api'
} as const

export type Counted = keyof typeof COUNTED
export type Gauged = keyof typeof GAUGED
export type Stage = keyof typeof STAGES

/** Upper bounds of a histogram, s, with the observations in each: not cumulative. */
export type Buckets = ReadonlyMap<number, number>

/** What one process had counted at a moment. */
export interface Reading {
  /** Of the monotonic clock, ms. */
  readonly atMs: number
  /** When the process began, epoch s: counters of another process began again. */
  readonly startedAt: number
  readonly counts: Readonly<Record<string, number>>
  readonly gauges: Readonly<Partial<Record<Gauged, number>>>
  readonly latencies: Readonly<Partial<Record<Stage, Buckets>>>
  readonly memoryBytes: number | null
  readonly memoryLimitBytes: number | null
  /** CPU time used since the process began, s. */
  readonly cpuSeconds: number
}

/** The measures in what a process exposes. */
export function readingOf(samples: readonly MetricSample[], atMs: number): Reading {
  const counters = new Set<string>(Object.values(COUNTED).map(({ counter }) => counter))
  const counts: Record<string, number> = {}
  const gauges: Partial<Record<Gauged, number>> = {}
  const cumulative: Partial<Record<Stage, [bound: number, count: number][]>> = {}
  const single = (name: string): number | undefined =>
    samples.find((sample) => sample.name === name)?.value
  for (const { name, labels, value } of samples) {
    if (counters.has(name)) counts[name] = (counts[name] ?? 0) + value
    for (const [measure, { gauge, of }] of Object.entries(GAUGED) as [
      Gauged,
      (typeof GAUGED)[Gauged]
    ][]) {
      if (gauge !== name) continue
      const before = gauges[measure]
      if (before === undefined) gauges[measure] = value
      else gauges[measure] = of === 'sum' ? before + value : Math.max(before, value)
    }
    const { stage, le } = labels
    if (name !== 'tapedeck_latency_seconds_bucket' || stage === undefined || le === undefined)
      continue
    if (!(stage in STAGES)) continue
    const bound = le === '+Inf' ? Infinity : Number(le)
    ;(cumulative[stage as Stage] ??= []).push([bound, value])
  }
  const latencies = Object.fromEntries(
    Object.entries(cumulative).map(([stage, found]) => {
      const sorted = found.toSorted(([a], [b]) => a - b)
      const buckets = sorted.map(
        ([bound, count], index) => [bound, count - (sorted[index - 1]?.[1] ?? 0)] as const
      )
      return [stage, new Map(buckets)]
    })
  )
  return {
    atMs,
    startedAt: single('process_start_time_seconds') ?? 0,
    counts,
    gauges,
    latencies,
    memoryBytes: single('process_resident_memory_bytes') ?? null,
    memoryLimitBytes: single('tapedeck_memory_limit_bytes') ?? null,
    cpuSeconds: single('process_cpu_seconds_total') ?? 0
  }
}

/** What one process did between two readings. */
export interface Difference {
  readonly seconds: number
  readonly counts: Readonly<Record<string, number>>
  readonly latencies: Readonly<Partial<Record<Stage, Buckets>>>
  readonly cpuSeconds: number
}

/**
 * What was counted between two readings of one target. A counter that is less than before, or that of a process that began
 * in between, began at 0: what was counted before the restart and after the earlier reading is not known.
 */
export function difference(before: Reading, now: Reading): Difference {
  const isSame = before.startedAt === now.startedAt
  const grown = (from: number | undefined, to: number): number =>
    isSame && from !== undefined && from <= to ? to - from : to
  return {
    seconds: (now.atMs - before.atMs) / 1000,
    counts: Object.fromEntries(
      Object.entries(now.counts).map(([name, to]) => [name, grown(before.counts[name], to)])
    ),
    latencies: Object.fromEntries(
      Object.entries(now.latencies).map(([stage, buckets]) => {
        const former = before.latencies[stage as Stage]
        return [
          stage,
          new Map([...buckets].map(([bound, to]) => [bound, grown(former?.get(bound), to)]))
        ]
      })
    ),
    cpuSeconds: grown(before.cpuSeconds, now.cpuSeconds)
  }
}

/** The observations of several histograms together. */
export function addBuckets(all: readonly Buckets[]): Buckets {
  const sum = new Map<number, number>()
  for (const buckets of all) {
    for (const [bound, count] of buckets) sum.set(bound, (sum.get(bound) ?? 0) + count)
  }
  return sum
}

/**
 * A quantile of a histogram, s, by linear interpolation in its bucket as Prometheus does
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile): above the highest finite bound
 * it is that bound. Null without an observation.
 * @param share from 0 to 1
 */
export function quantileOf(buckets: Buckets, share: number): number | null {
  const sorted = [...buckets].toSorted(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return null
  const rank = share * total
  let below = 0
  let lower = 0
  for (const [upper, count] of sorted) {
    if (below + count >= rank && count > 0) {
      return upper === Infinity ? lower : lower + ((upper - lower) * (rank - below)) / count
    }
    below += count
    lower = upper
  }
  return lower
}
