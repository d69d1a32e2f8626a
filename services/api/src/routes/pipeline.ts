import { marketState } from '@tapedeck/domain'
import type { Static } from 'typebox'
import { batchAlerts } from '../batch-alerts.ts'
import { flowAlerts } from '../flow/flow-alerts.ts'
import type { FlowRecorder } from '../flow/recorder.ts'
import {
  answers,
  number,
  object,
  rows,
  text,
  whole,
  words,
  type Routes,
  type RouteTools
} from '../http.ts'
import { FIELDS, anyOf, query } from '../query.ts'
import type { LiveHub } from '../stream/hub.ts'
import { isStale } from './feed.ts'
import { listedSymbols } from './watchlist.ts'

/** What may be wrong: the limit of its value, and what the value is. */
const ALERTS = {
  'producer silent': { limit: 30, unit: 's', means: 'since the producer last reported' },
  'feed silent': { limit: 60, unit: 's', means: 'without a frame while the US market trades' },
  outage: { limit: 60, unit: 's', means: 'that an outage of the feed has lasted' },
  'not stored': { limit: 30, unit: 's', means: 'of trades that are not stored yet' },
  'never seen': { limit: 15, unit: 'min', means: 'connected without a trade of a followed symbol' },
  spool: { limit: 64, unit: 'MiB', means: 'that wait on the disk for the broker' },
  coverage: { limit: 1, unit: '%', means: 'of the last full hour without a feed' },
  'worse than naive': { limit: 0, unit: '', means: 'a forecast is worse than the last price' },
  'service away': { limit: 30, unit: 's', means: 'without an answer to a question for metrics' },
  refused: { limit: 0, unit: '', means: 'trades or records refused in the last 10 minutes' },
  lag: { limit: 50_000, unit: 'records', means: 'of raw_data that are not stored yet' },
  latency: { limit: 5, unit: 's', means: 'that one trade in a hundred takes, or more' },
  'run failed': { limit: 0, unit: '', means: 'the newest run of the job failed' },
  'run late': { limit: 5, unit: 'min', means: 'that a run of the schedule is late' },
  'queue stuck': { limit: 10, unit: 'min', means: 'that a run waits for a worker' }
} as const satisfies Readonly<
  Record<string, { readonly limit: number; readonly unit: string; readonly means: string }>
>
type AlertName = keyof typeof ALERTS
const NAMES = Object.keys(ALERTS) as AlertName[]

const ANSWER = object({
  alerts: rows({
    alert: words(...NAMES),
    /** What it is about: a feed, a symbol, a series. */
    label: text,
    value: number,
    limit: number,
    text
  })
})
type Row = Static<typeof ANSWER>['alerts'][number]

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const MEBIBYTE = 1024 ** 2
/** Rows, about: scores and bars of every symbol. */
const COST = 2000

const PARTITIONS = object({
  partitions: rows({ partition: whole, end: whole, stored: whole, behind: whole })
})

/** What the services tell by their metrics. */
type Flow = Pick<FlowRecorder, 'processes' | 'moments' | 'beganAt'>

/** What routes say of the topic of trades, as the stream reads it. */
type TradeLog = Pick<LiveHub, 'topicName' | 'positions'>

/**
 * Routes for the pipeline as a whole: what may be wrong, one row for each thing, with a number and its limit; and how far
 * the consumer is behind the broker. Without a broker there are no partitions.
 */
export function pipelineRoutes(
  app: Routes,
  tools: RouteTools,
  { log, flow }: { readonly log: TradeLog | undefined; readonly flow: Flow }
): void {
  const { reader, share } = tools
  exposeAlerts(app, tools, flow)
  app.get(
    '/api/v1/partitions',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'How far trades are stored, for each partition of their topic',
        querystring: query({ fields: FIELDS }),
        response: answers(PARTITIONS)
      }
    },
    async (_request, reply) =>
      share(reply, PARTITIONS, {}, async () => {
        const ends = [...(log?.positions.get('trades') ?? [])].toSorted(([a], [b]) => a - b)
        const known = log === undefined ? new Map() : await reader.storedOffsets(log.topicName)
        return {
          partitions: ends.map(([partition, end]) => {
            const stored = Number(known.get(partition) ?? 0)
            return { partition, end, stored, behind: Math.max(0, end - stored) }
          })
        }
      })
  )
  app.get(
    '/api/v1/alerts',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'What may be wrong, each with a value that is above its limit when it is',
        querystring: query({ alert: anyOf(NAMES.join(', '), NAMES), fields: FIELDS }),
        response: answers(ANSWER)
      }
    },
    async ({ query: { alert } }, reply) =>
      share(
        reply,
        ANSWER,
        { alert },
        async () => {
          const all = await alertRows(tools, flow)
          return { alerts: all.filter((row) => alert === undefined || row.alert === alert) }
        },
        COST
      )
  )
}

const EXPOSED_EVERY_MS = 10_000
/** Symbols and series may be many: a metric has few labels. */
const MOST_EXPOSED = 500

/**
 * Exposes the rows that are above their limits as a metric. The rows are read in the background when somebody asks for
 * metrics, so that these come at once, without a database too: then there are no rows.
 */
function exposeAlerts(app: Routes, tools: RouteTools, flow: Flow): void {
  const { metrics, clock } = tools
  let readMs = -Infinity
  let isReading = false
  const above = metrics.gauge(
    'alert_above_limit',
    'Value of each row of /api/v1/alerts that is above its limit',
    ['alert', 'label']
  )
  const read = async (): Promise<void> => {
    isReading = true
    // Not in the budget: it is one read in 10 s, and must not make a request wait or be refused.
    const found = await alertRows(tools, flow).catch(() => [])
    isReading = false
    above.reset()
    for (const { alert, label, value } of found
      .filter((row) => row.value > row.limit)
      .slice(0, MOST_EXPOSED)) {
      above.set({ alert, label }, value)
    }
  }
  // Not when the gauge is collected: the api reads its own metrics for /api/v1/flow too.
  app.addHook('onRequest', async ({ routeOptions }) => {
    const isDue = !isReading && clock.now() - readMs >= EXPOSED_EVERY_MS
    if (routeOptions.url !== '/metrics' || !isDue) return
    readMs = clock.now()
    void read()
  })
}

async function alertRows(tools: RouteTools, flow: Flow): Promise<Row[]> {
  const { reader, config, clock } = tools
  const nowMs = clock.now()
  const [feeds, gaps, storedMs, listed, scores, runs, schedules, hours] = await Promise.all([
    reader.feeds(),
    reader.gaps({ fromMs: nowMs - SECOND_MS, toMs: nowMs + MINUTE_MS, limit: 100 }),
    reader.storedUntil(),
    listedSymbols(tools),
    reader.forecastScores({
      symbols: undefined,
      timeframe: undefined,
      horizon: undefined,
      model: undefined
    }),
    reader.runsOfAlerts(),
    reader.schedules(),
    config.timeframes.includes('1h')
      ? reader.bars({
          symbols: config.symbols,
          timeframe: '1h',
          fromMs: Math.floor(nowMs / HOUR_MS - 1) * HOUR_MS,
          toMs: Math.floor(nowMs / HOUR_MS) * HOUR_MS,
          limit: Math.max(1, config.symbols.length)
        })
      : []
  ])
  const found: Row[] = []
  const add = (alert: AlertName, label: string, value: number): void => {
    const { limit, unit, means } = ALERTS[alert]
    const shown = Math.round(value * 10) / 10
    const said = unit === '' ? means : `${shown} ${unit} ${means}`
    found.push({ alert, label, value, limit, text: `${label}: ${said}` })
  }
  const since = (date: Date | null, unitMs: number): number =>
    date === null ? 0 : Math.max(0, nowMs - date.getTime()) / unitMs
  const { isTrading } = marketState(nowMs)
  for (const feed of feeds) {
    const isStopped = feed.state === 'stopped'
    const isConnected = feed.state === 'connected' && !isStale(feed, nowMs)
    add('producer silent', feed._id, isStopped ? 0 : since(feed.updatedAt, SECOND_MS))
    const lastSeen = feed.lastFrameAt ?? feed.connectedAt
    add('feed silent', feed._id, isTrading && !isStopped ? since(lastSeen, SECOND_MS) : 0)
    add('spool', feed._id, feed.spooledBytes / MEBIBYTE)
    const behindMs = (feed.lastTradeAt?.getTime() ?? 0) - (storedMs ?? 0)
    const unstored = feed.lastTradeAt === null || storedMs === Infinity ? 0 : behindMs
    add(
      'not stored',
      feed._id,
      Math.max(0, Math.min(unstored, since(feed.connectedAt, 1))) / SECOND_MS
    )
    for (const { symbol, wanted, lastTradeAt } of listed) {
      const isUnseen = wanted && lastTradeAt === null && isConnected && isTrading
      add('never seen', symbol, isUnseen ? since(feed.connectedAt, MINUTE_MS) : 0)
    }
  }
  for (const { feed, to, from, _id: id } of gaps) {
    if (to === null && from !== null) add('outage', `${feed} ${id}`, since(from, SECOND_MS))
  }
  for (const { symbol, coverage } of hours) {
    if (coverage !== null) add('coverage', symbol, (1 - coverage) * 100)
  }
  for (const { symbol, timeframe, horizon, model, label } of scores) {
    const name = `${symbol} ${timeframe} +${horizon} ${model}`
    add('worse than naive', name, label === 'worse than naive' ? 1 : 0)
  }
  const others = [...flowAlerts(flow, nowMs), ...batchAlerts(runs, schedules, nowMs)]
  for (const { alert, label, value } of others) add(alert, label, value)
  return found
}
