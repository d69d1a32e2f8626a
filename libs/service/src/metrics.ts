import { totalmem } from 'node:os'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Names end in a unit or `_total`; labels are few and bounded. docs/operations.md lists all metrics. */
export interface Metrics {
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** @param collect is called before each exposition, and may set the gauge */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void
  ): Gauge<L>
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly L[]
  ): Histogram<L>
  /** The Prometheus text of all metrics, and its content type. */
  expose(): Promise<{ body: string; contentType: string }>
}

/** A registry of its own, so that several services can run in one test process. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const metrics: Metrics = {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter({ name: `tapedeck_${name}`, help, labelNames, registers }),
    gauge: <L extends string>(
      name: string,
      help: string,
      labelNames: readonly L[] = [],
      collect?: (gauge: Gauge<L>) => void
    ) =>
      new Gauge({
        name: `tapedeck_${name}`,
        help,
        labelNames,
        registers,
        ...(collect !== undefined && {
          collect(this: Gauge<L>) {
            collect(this)
          }
        })
      }),
    histogram: <L extends string>(
      name: string,
      help: string,
      buckets: readonly number[],
      labelNames: readonly L[] = []
    ) =>
      new Histogram({
        name: `tapedeck_${name}`,
        help,
        labelNames,
        buckets: [...buckets],
        registers
      }),
    expose: async () => ({ body: await registry.metrics(), contentType: registry.contentType })
  }
  metrics.gauge('memory_limit_bytes', 'Memory that this process may use').set(memoryLimitBytes())
  return metrics
}

/** The limit of the container, or all memory of the machine where there is none. */
function memoryLimitBytes(): number {
  // Without a limit it is 0, or more than any machine has.
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/**
 * What a latency is measured of. Of a trade, up to now: `receipt` from the exchange's time to the producer, `broker`,
 * `stored` and `stream` from the receipt until the broker has it, MongoDB has it, or clients of the stream are sent it.
 * Of a provisional bar, from the exchange's time of its last trade: `bar_stored` and `bar_stream`.
 */
type LatencyStage = 'receipt' | 'broker' | 'stored' | 'stream' | 'bar_stored' | 'bar_stream'

const LATENCY_BUCKETS = [
  0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
] as const

/** Observes the latency of a stage, the same metric in every service. */
export function observeLatency(metrics: Metrics): (stage: LatencyStage, ms: number) => void {
  const histogram = metrics.histogram(
    'latency_seconds',
    'Latency of trades and provisional bars, by how far they have come',
    LATENCY_BUCKETS,
    ['stage']
  )
  // Clocks of two machines differ: what seems to come before it was sent took no time.
  return (stage, ms) => histogram.observe({ stage }, Math.max(0, ms) / 1000)
}
