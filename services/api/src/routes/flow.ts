import type { Static } from 'typebox'
import {
  addBuckets,
  COUNTED,
  quantileOf,
  type Buckets,
  type Counted,
  type Stage
} from '../flow/measures.ts'
import type { FlowRecorder, Moment, ProcessState } from '../flow/recorder.ts'
import {
  answers,
  numberOrNull,
  object,
  rows,
  text,
  whole,
  wholeOrNull,
  type Routes,
  type RouteTools
} from '../http.ts'
import { FIELDS, LIMIT, query, TIME, timeRange } from '../query.ts'

const FLOW = object({
  flow: rows({
    /** Start of the interval. */
    time: whole,
    receivedPerSecond: numberOrNull,
    publishedPerSecond: numberOrNull,
    storedPerSecond: numberOrNull,
    streamedPerSecond: numberOrNull,
    barsPerSecond: numberOrNull,
    forecastsPerSecond: numberOrNull,
    refused: numberOrNull,
    lost: numberOrNull,
    deadLetters: numberOrNull,
    sendRetries: numberOrNull,
    writeRetries: numberOrNull,
    queued: numberOrNull,
    spooledBytes: numberOrNull,
    lag: numberOrNull,
    checkpointAge: numberOrNull,
    receiptP50: numberOrNull,
    receiptP99: numberOrNull,
    brokerP50: numberOrNull,
    brokerP99: numberOrNull,
    storedP50: numberOrNull,
    storedP99: numberOrNull,
    streamP50: numberOrNull,
    streamP99: numberOrNull
  })
})
const STAGE_ROWS = object({
  stages: rows({
    stage: text,
    service: text,
    /** In words: measured, or why not. */
    state: text,
    /** Of the last minute. */
    perSecond: numberOrNull,
    /** Counted in what is kept, an hour at most. */
    count: numberOrNull,
    p50: numberOrNull,
    p99: numberOrNull
  })
})
const PROCESSES = object({
  processes: rows({
    service: text,
    /** host:port; empty: this process, or one that is not asked. */
    address: text,
    state: text,
    answeredAt: wholeOrNull,
    startedAt: wholeOrNull,
    memoryBytes: wholeOrNull,
    memoryLimitBytes: wholeOrNull,
    /** Cores in use in the last interval. */
    cores: numberOrNull
  })
})

type FlowRow = Static<typeof FLOW>['flow'][number]
type StageRow = Static<typeof STAGE_ROWS>['stages'][number]
type ProcessRow = Static<typeof PROCESSES>['processes'][number]

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Intervals are multiples of that in which processes are read. */
const STEP_MS = 5000

/** The stages in which trades are counted, and the latency that is measured up to each. */
const WAY: readonly { readonly stage: string; counted: Counted; latency?: Stage }[] = [
  { stage: 'received', counted: 'received', latency: 'receipt' },
  { stage: 'published', counted: 'published', latency: 'broker' },
  { stage: 'stored', counted: 'stored', latency: 'stored' },
  { stage: 'streamed', counted: 'streamed', latency: 'stream' },
  { stage: 'bars', counted: 'bars', latency: 'bar_stored' },
  { stage: 'forecasts', counted: 'forecasts' }
]

/** Routes for what the services measure of themselves: over the last hour, by stage, and by process. */
export function flowRoutes(
  app: Routes,
  { share, clock }: RouteTools,
  recorder: Pick<FlowRecorder, 'moments' | 'processes'>
): void {
  app.get(
    '/api/v1/flow',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Throughput, latency, queues and errors over the last hour',
        querystring: query({ from: TIME, to: TIME, limit: LIMIT, fields: FIELDS }),
        response: answers(FLOW)
      }
    },
    async ({ query: { limit, ...bounds } }, reply) => {
      const range = timeRange(bounds, clock.now(), { spanMs: HOUR_MS })
      // No more than an hour is kept.
      const fromMs = Math.max(range.fromMs, Math.min(range.toMs, clock.now()) - HOUR_MS)
      const stepMs = Math.max(1, Math.ceil((range.toMs - fromMs) / limit / STEP_MS)) * STEP_MS
      const asked = {
        fromMs: Math.floor(fromMs / stepMs) * stepMs,
        toMs: range.toMs,
        stepMs,
        limit
      }
      return share(reply, FLOW, asked, async () => ({ flow: flowRows(recorder.moments, asked) }), 1)
    }
  )
  app.get(
    '/api/v1/flow-stages',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'Each stage on the way of trades: throughput and latency now, and its count in the last hour',
        querystring: query({ fields: FIELDS }),
        response: answers(STAGE_ROWS)
      }
    },
    async (_request, reply) =>
      share(
        reply,
        STAGE_ROWS,
        {},
        async () => ({
          stages: WAY.map((one) => stageRow(one, recorder, clock.now()))
        }),
        1
      )
  )
  app.get(
    '/api/v1/flow-processes',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Each process: whether it answers, its memory and CPU',
        querystring: query({ fields: FIELDS }),
        response: answers(PROCESSES)
      }
    },
    async (_request, reply) =>
      share(reply, PROCESSES, {}, async () => ({ processes: processRows(recorder.processes) }), 1)
  )
}

/** The moments of a range, put together in intervals of `stepMs`; an interval without one has no row. */
function flowRows(
  moments: readonly Moment[],
  { fromMs, toMs, stepMs, limit }: { fromMs: number; toMs: number; stepMs: number; limit: number }
): FlowRow[] {
  const steps = new Map<number, Moment[]>()
  for (const moment of moments) {
    if (moment.time < fromMs || moment.time >= toMs) continue
    const start = Math.floor(moment.time / stepMs) * stepMs
    const step = steps.get(start) ?? []
    step.push(moment)
    steps.set(start, step)
  }
  return [...steps]
    .toSorted(([a], [b]) => a - b)
    .slice(-limit)
    .map(([time, step]) => flowRow(time, step))
}

function flowRow(time: number, step: readonly Moment[]): FlowRow {
  const last = step.at(-1)
  const quantile = (stage: Stage, share: number): number | null =>
    millis(quantileOf(bucketsOf(step, stage), share))
  const checkpoint = last?.gauges.newestCheckpoint ?? null
  return {
    time,
    receivedPerSecond: rateOf(step, 'received'),
    publishedPerSecond: rateOf(step, 'published'),
    storedPerSecond: rateOf(step, 'stored'),
    streamedPerSecond: rateOf(step, 'streamed'),
    barsPerSecond: rateOf(step, 'bars'),
    forecastsPerSecond: rateOf(step, 'forecasts'),
    refused: countOf(step, 'refused'),
    lost: countOf(step, 'lost'),
    deadLetters: countOf(step, 'deadLetters'),
    sendRetries: countOf(step, 'sendRetries'),
    writeRetries: countOf(step, 'writeRetries'),
    queued: last?.gauges.queued ?? null,
    spooledBytes: last?.gauges.spooledBytes ?? null,
    lag: last?.gauges.lag ?? null,
    checkpointAge:
      checkpoint === null
        ? null
        : rounded(Math.max(0, (last?.time ?? time) / 1000 - checkpoint), 1),
    receiptP50: quantile('receipt', 0.5),
    receiptP99: quantile('receipt', 0.99),
    brokerP50: quantile('broker', 0.5),
    brokerP99: quantile('broker', 0.99),
    storedP50: quantile('stored', 0.5),
    storedP99: quantile('stored', 0.99),
    streamP50: quantile('stream', 0.5),
    streamP99: quantile('stream', 0.99)
  }
}

/** Null when a process of the service was away throughout. */
function countOf(step: readonly Moment[], counted: Counted): number | null {
  const found = step.flatMap(({ counts }) => counts[counted] ?? [])
  return found.length === 0 ? null : found.reduce((sum, count) => sum + count, 0)
}

function rateOf(step: readonly Moment[], counted: Counted): number | null {
  const known = step.filter(({ counts }) => counts[counted] !== null)
  const { service } = COUNTED[counted]
  const seconds = known.reduce((sum, moment) => sum + (moment.seconds[service] ?? 0), 0)
  return seconds === 0 ? null : rounded((countOf(known, counted) ?? 0) / seconds, 3)
}

function bucketsOf(step: readonly Moment[], stage: Stage): Buckets {
  return addBuckets(step.flatMap(({ latencies }) => latencies[stage] ?? []))
}

/** No panel shows more digits, and each costs bytes in every row. */
function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}

function millis(seconds: number | null): number | null {
  return seconds === null ? null : rounded(seconds * 1000, 1)
}

function stageRow(
  { stage, counted, latency }: (typeof WAY)[number],
  { moments, processes }: Pick<FlowRecorder, 'moments' | 'processes'>,
  nowMs: number
): StageRow {
  const { service } = COUNTED[counted]
  const minute = moments.filter(({ time }) => time > nowMs - MINUTE_MS)
  const its = processes.filter((one) => one.service === service)
  const away = its.find(({ problem }) => problem !== undefined)
  const buckets = latency === undefined ? new Map() : bucketsOf(minute, latency)
  const isMeasured = its.length > 0 && away === undefined
  return {
    stage,
    service,
    state: its.length === 0 ? notAsked(service) : (away?.problem ?? 'measured'),
    perSecond: isMeasured ? rateOf(minute, counted) : null,
    count: countOf(moments, counted),
    p50: isMeasured ? millis(quantileOf(buckets, 0.5)) : null,
    p99: isMeasured ? millis(quantileOf(buckets, 0.99)) : null
  }
}

function notAsked(service: string): string {
  return `not asked: METRICS_URLS does not name the ${service}`
}

/** Of every process that is asked, and of each service of the pipeline that is not. */
function processRows(processes: readonly ProcessState[]): ProcessRow[] {
  const services = [...new Set(Object.values(COUNTED).map(({ service }) => service))]
  const missing = services.filter((service) => !processes.some((one) => one.service === service))
  return [
    ...processes.map(({ service, url, problem, answeredAt, reading, difference }) => {
      const isAway = problem !== undefined
      return {
        service,
        address: url === '' ? '' : new URL(url).host,
        state: problem ?? 'answers',
        answeredAt,
        startedAt: reading === undefined ? null : Math.round(reading.startedAt * 1000),
        memoryBytes: isAway ? null : (reading?.memoryBytes ?? null),
        memoryLimitBytes: isAway ? null : (reading?.memoryLimitBytes ?? null),
        cores:
          difference === undefined ? null : rounded(difference.cpuSeconds / difference.seconds, 3)
      }
    }),
    ...missing.map((service) => ({
      service,
      address: '',
      state: notAsked(service),
      answeredAt: null,
      startedAt: null,
      memoryBytes: null,
      memoryLimitBytes: null,
      cores: null
    }))
  ]
}
