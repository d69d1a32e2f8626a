import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Names end in a unit or `_total`; labels are few and bounded. docs/operations.md lists all metrics. */
export interface Metrics {
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
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
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter({ name: `tapedeck_${name}`, help, labelNames, registers }),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Gauge({ name: `tapedeck_${name}`, help, labelNames, registers }),
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
}
