import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowRecorder } from '@tapedeck/api/testing'
import { systemClock, TapedeckError } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import { renderAlertRules } from '@tapedeck/grafana'
import type { RunDocument } from '@tapedeck/mongo'
import { parse } from 'yaml'
import { eventually } from '../../../support/eventually.ts'
import { aScore } from '../../../support/forecast-parts.ts'
import { aRun } from '../../../support/batch-documents.ts'
import { aBar, aFeedStatus, aGap, aSymbol, T0_MS } from '../../../support/market-documents.ts'
import { apiOn } from '../reader-double.ts'

const HOUR_MS = 3_600_000
/** An hour into the regular session of a Friday. */
const NOW_MS = T0_MS + HOUR_MS
/** The last full hour. */
const LAST_HOUR = Math.floor((NOW_MS - HOUR_MS - T0_MS) / HOUR_MS)

interface Row {
  readonly alert: string
  readonly label: string
  readonly value: number
  readonly limit: number
  readonly text: string
}
interface Rule {
  readonly uid: string
  readonly data: readonly [
    {
      readonly model: {
        readonly url_options: { readonly params: readonly { key: string; value: string }[] }
      }
    },
    {
      readonly model: {
        readonly conditions: readonly { readonly evaluator: { params: number[] } }[]
      }
    }
  ]
}

const { groups } = parse(renderAlertRules()) as { groups: { rules: Rule[] }[] }
const rules = new Map(
  groups[0]?.rules.map((rule) => {
    const [{ model }, threshold] = rule.data
    const alert = model.url_options.params.find(({ key }) => key === 'alert')?.value ?? ''
    return [alert, threshold.model.conditions[0]?.evaluator.params[0]] as const
  })
)

/** What the api answers to the rules when the last report, frame and trade are so old, ms. */
async function alertsOf(
  agoMs: number,
  nowMs: number,
  facts: Parameters<typeof apiOn>[0],
  flow?: FlowRecorder
): Promise<readonly Row[]> {
  const ago = new Date(nowMs - agoMs)
  const status = aFeedStatus({
    updatedAt: ago,
    lastFrameAt: ago,
    lastTradeAt: ago,
    connectedAt: new Date(nowMs - HOUR_MS)
  })
  const app = apiOn(
    {
      feeds: () => Promise.resolve([status]),
      storedUntil: () => Promise.resolve(ago.getTime()),
      ...facts
    },
    { ...systemClock, now: () => nowMs },
    { SYMBOLS: 'AAPL' },
    flow
  )
  const answer = await app.inject('/api/v1/alerts')
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<{ alerts: Row[] }>().alerts
}

/** Of a producer that does not answer, and a consumer that refused a record, is far behind and slow. */
async function troubledFlow(): Promise<FlowRecorder> {
  let nowMs = NOW_MS - 5000
  let count = 0
  const consumer = (): string =>
    [
      'process_start_time_seconds 100',
      `tapedeck_records_dead_total{reason="shape"} ${count}`,
      'tapedeck_consumer_lag_records{partition="0"} 60000',
      `tapedeck_latency_seconds_bucket{stage="stored",le="5"} 0`,
      `tapedeck_latency_seconds_bucket{stage="stored",le="10"} ${10 * count}`,
      `tapedeck_latency_seconds_bucket{stage="stored",le="+Inf"} ${10 * count}`
    ].join('\n')
  const flow = new FlowRecorder(
    [
      {
        service: 'producer',
        url: 'http://one:1/metrics',
        read: () => Promise.reject(new Error('away'))
      },
      { service: 'consumer', url: 'http://two:1/metrics', read: () => Promise.resolve(consumer()) }
    ],
    { ...systemClock, now: () => nowMs - 60_000 * (1 - count) },
    () => nowMs
  )
  await flow.measure()
  nowMs = NOW_MS
  count = 1
  await flow.measure()
  return flow
}

const firing = (found: readonly Row[]): string[] =>
  [
    ...new Set(found.filter(({ value, limit }) => value > limit).map(({ alert }) => alert))
  ].toSorted()

const hours = (coverage: number) => () =>
  Promise.resolve([aBar('AAPL', '1h', HOUR_MS, LAST_HOUR, { coverage })] as readonly BarFields[])
function aRunThat(state: RunDocument['state'], job: string, queuedMs: number): RunDocument {
  const { queue: _, commands: _commands, ...run } = aRun(`${job}@${queuedMs}`, { job })
  const times = { queuedAt: new Date(queuedMs), startedAt: null, endedAt: null }
  return { ...run, ...times, state, round: 0, error: null }
}
const labelled = (label: 'better than naive' | 'worse than naive') => () =>
  Promise.resolve([{ ...aScore('AAPL', '1m', 1), label }])

describe('/api/v1/partitions', () => {
  it('has no row without a broker', async () => {
    const found = (await apiOn({}).inject('/api/v1/partitions')).json<object>()
    assert.deepEqual(found, { partitions: [] })
  })
})

describe('/api/v1/alerts', () => {
  it('is silent in good running', async () => {
    const found = await alertsOf(500, NOW_MS, {
      symbols: () => Promise.resolve([aSymbol('AAPL')]),
      gaps: () => Promise.resolve([aGap('over', 0, 500_000)]),
      bars: hours(1),
      forecastScores: labelled('better than naive')
    })
    assert.deepEqual(firing(found), [])
    assert.ok(found.length >= 6)
  })

  it('fires for each trouble, by the limits of the rules of Grafana', async () => {
    const away = await alertsOf(120_000, NOW_MS, {
      feeds: () =>
        Promise.resolve([
          aFeedStatus({
            updatedAt: new Date(NOW_MS - 120_000),
            lastFrameAt: new Date(NOW_MS - 120_000),
            lastTradeAt: new Date(NOW_MS - 1000),
            connectedAt: new Date(NOW_MS - HOUR_MS),
            spooledBytes: 100 * 1024 ** 2
          })
        ]),
      runsOfAlerts: () =>
        Promise.resolve([
          aRunThat('queued', 'nightly', NOW_MS - 3_600_000),
          aRunThat('failed', 'nightly', NOW_MS - 7_200_000)
        ]),
      schedules: () =>
        Promise.resolve([
          {
            _id: 'hourly',
            definition: JSON.stringify({ job: 'nightly', every: '1h' }),
            until: new Date(NOW_MS - 7_200_000),
            lastOccurrence: null,
            error: null,
            now: new Date(NOW_MS)
          }
        ]),
      gaps: () => Promise.resolve([aGap('open', HOUR_MS - 90_000, null)]),
      storedUntil: () => Promise.resolve(NOW_MS - 300_000),
      bars: hours(0.5),
      forecastScores: labelled('worse than naive')
    })
    const unseen = await alertsOf(500, NOW_MS, {}, await troubledFlow())
    const all = [...away, ...unseen]
    assert.deepEqual(firing(all), [...rules.keys()].toSorted())
    for (const { alert, limit } of all) assert.equal(limit, rules.get(alert), alert)
    const outage = away.find(({ alert }) => alert === 'outage')
    assert.equal(outage?.text, 'simulated open: 90 s that an outage of the feed has lasted')
  })

  it('expects no frames while the market is closed', async () => {
    const sunday = Date.UTC(2025, 1, 2, 15)
    const found = await alertsOf(120_000, sunday, {})
    assert.deepEqual(firing(found), ['producer silent'])
  })

  it('answers the rows of one alert', async () => {
    const app = apiOn({ feeds: () => Promise.resolve([aFeedStatus({})]) })
    const { alerts } = (await app.inject('/api/v1/alerts?alert=spool&fields=label,value')).json<{
      alerts: object[]
    }>()
    assert.deepEqual(alerts, [{ label: 'simulated', value: 0 }])
  })
})

describe('the metric alert_above_limit', () => {
  const aboveOf = (text: string): string[] => text.match(/^tapedeck_alert_above_limit\{.*$/gm) ?? []

  it('has each row that is above its limit, and none without a database', async () => {
    let nowMs = NOW_MS
    let isAway = false
    const app = apiOn(
      {
        feeds: () =>
          isAway
            ? Promise.reject(new TapedeckError('DATABASE_UNREACHABLE', 'it is away'))
            : Promise.resolve([
                aFeedStatus({
                  updatedAt: new Date(NOW_MS),
                  lastFrameAt: new Date(NOW_MS),
                  lastTradeAt: new Date(NOW_MS)
                })
              ]),
        symbols: () => Promise.resolve([aSymbol('AAPL')]),
        forecastScores: labelled('worse than naive')
      },
      { ...systemClock, now: () => nowMs },
      { SYMBOLS: 'AAPL' }
    )
    const above = async (): Promise<string[]> => aboveOf((await app.inject('/metrics')).body)
    await eventually(async () =>
      assert.deepEqual(await above(), [
        'tapedeck_alert_above_limit{alert="worse than naive",label="AAPL 1m +1 linear-regression"} 1'
      ])
    )
    isAway = true
    nowMs += 15_000
    await eventually(async () => assert.deepEqual(await above(), []))
  })
})
