import { addBuckets, quantileOf, type Stage } from './measures.ts'
import type { FlowRecorder, Moment } from './recorder.ts'

/** What may be wrong by the metrics of the services. */
export interface FlowAlert {
  readonly alert: 'service away' | 'refused' | 'lag' | 'latency'
  /** The service, with its address where it has one, or the stage. */
  readonly label: string
  readonly value: number
}

const REFUSED_MS = 600_000
const LATENCY_MS = 300_000
/** The stages that a person waits for. */
const WATCHED: readonly Stage[] = ['broker', 'stored', 'stream']

/**
 * One row for each thing that the metrics tell, in the units of /api/v1/alerts: seconds since a process last answered,
 * trades and records refused in the last ten minutes, records that are not stored, and the 99th percentile of each
 * latency in the last five minutes, s. Without a measurement there is no row.
 * @param nowMs epoch ms
 */
export function flowAlerts(
  { processes, moments, beganAt }: Pick<FlowRecorder, 'processes' | 'moments' | 'beganAt'>,
  nowMs: number
): FlowAlert[] {
  const found: FlowAlert[] = []
  for (const { service, url, problem, answeredAt } of processes) {
    const sinceMs = problem === undefined ? 0 : nowMs - (answeredAt ?? beganAt)
    const label = url === '' ? service : `${service} ${new URL(url).host}`
    found.push({ alert: 'service away', label, value: Math.max(0, sinceMs) / 1000 })
  }
  const since = (ms: number): Moment[] => moments.filter(({ time }) => time > nowMs - ms)
  for (const [label, counted] of [
    ['producer', 'refused'],
    ['consumer', 'deadLetters']
  ] as const) {
    const counts = since(REFUSED_MS).flatMap(({ counts: one }) => one[counted] ?? [])
    if (counts.length === 0) continue
    const value = counts.reduce((sum, count) => sum + count, 0)
    found.push({ alert: 'refused', label, value })
  }
  const lag = moments.at(-1)?.gauges.lag ?? null
  if (lag !== null) found.push({ alert: 'lag', label: 'consumer', value: lag })
  const recent = since(LATENCY_MS)
  for (const stage of WATCHED) {
    const all = recent.map(({ latencies }) => latencies[stage])
    const value = quantileOf(addBuckets(all.filter((one) => one !== undefined)), 0.99)
    if (value !== null) found.push({ alert: 'latency', label: stage, value })
  }
  return found
}
