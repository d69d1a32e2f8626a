import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { consumerMetrics } from '@tapedeck/consumer/testing'
import { readEnv } from '@tapedeck/core'
import {
  MONGO_VARIABLES,
  createRun,
  ensureCollections,
  mongoConfig,
  openDatabase
} from '@tapedeck/mongo'
import { producerMetrics } from '@tapedeck/producer/testing'
import {
  createContext,
  createLogger,
  createMetrics,
  serveHealth,
  type ServiceContext
} from '@tapedeck/service'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import {
  measureTarget,
  runTarget,
  runVariable,
  type EmulatedSource,
  type Target
} from '../support/infinity-emulator.ts'
import { aRun } from '../support/batch-documents.ts'
import { committedDashboards, drawPanel } from '../support/infinity-emulator-panels.ts'
import { seedFeed, seedMarket } from '../support/infinity-emulator-seed.ts'
import { servers } from '../support/servers.ts'
import { until } from '../support/until.ts'

// Goal: what Grafana would ask, the api answers in the form that Grafana can draw.
// Method: the real api on a seeded database; every target of every panel of the committed dashboards
// through an emulator of the data source, since no Grafana can be installed from a package registry.

const MINUTE_MS = 60_000
/** The dashboards' own range. */
const RANGE_MS = 15 * MINUTE_MS
const WITH_DATA = ['AAPL', 'NVDA']
const WITHOUT_DATA = 'MSFT'
/** Panels that are about all symbols, so that they show something whichever is chosen. */
/** Panels of what the api measures while it runs, so that their rows are of now, whatever is stored. */
const OF_NOW = [
  'Stages',
  'Processes',
  'Trades per second by stage',
  'Latency of 99 % of trades',
  'Waiting',
  'Refused, lost and repeated'
]
const ABOUT_ALL = [
  ...OF_NOW,
  'State of the feed',
  'What may be wrong',
  'Symbols',
  'How the forecasts did',
  'Runs of the batch side'
]
/** The api of this test reads no broker. */
const ABOUT_THE_BROKER = 'Stored by partition'
/** Panels that say in words that there is nothing. */
const WORDS_WITHOUT_DATA = ['Forecast', 'Feed']
/** What a refresh of a dashboard may cost the browser, bytes. */
const REFRESH_BYTES = 150 * 1024

/** Tumbling and hopping windows, days, and activity bars: in the order of the api. */
const TIMEFRAMES = ['1s', '5s', '1m', '5m/1m', '15m', '1d', '100t']
/** What the dashboards begin with. */
const CHOSEN = { timeframe: '1m', horizon: '1', model: 'linear-regression' }

const dashboards = await committedDashboards()

describe('panels on the real api', { timeout: 120_000 }, () => {
  const toMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS
  const fromMs = toMs - RANGE_MS
  const { context, stop } = createContext(createLogger('api', 'silent'))
  let baseUrl = ''

  before(async () => {
    const { mongoUri, database: name } = servers()
    const env = {
      MONGODB_URI: mongoUri,
      MONGODB_DB: name,
      API_PORT: '0',
      TIMEFRAMES: TIMEFRAMES.join(','),
      SYMBOLS: ['AAPL', WITHOUT_DATA].join(',')
    }
    const database = await openDatabase(mongoConfig(readEnv(env, MONGO_VARIABLES)))
    context.defer(async () => {
      await database.db.dropDatabase()
      await database.close()
    })
    await ensureCollections(database)
    await seedMarket(database, { symbol: 'AAPL', basePrice: 230, fromMs, toMs })
    // Nobody configured it here: it was added to SYMBOLS of the producer.
    await seedMarket(database, { symbol: 'NVDA', basePrice: 140, fromMs, toMs })
    await seedFeed(database, { fromMs, toMs })
    await createRun(database, aRun('load@1'))
    const METRICS_URLS = await measuredServices(context)
    baseUrl = (await startApi(readConfig({ ...env, METRICS_URLS }), context)).url
    await ready(`${baseUrl}/readyz`)
    await until('the api has measured the services', async () => {
      const { flow } = (await (await fetch(`${baseUrl}/api/v1/flow`)).json()) as { flow: object[] }
      return flow.length > 0
    })
  })

  after(async () => {
    stop()
    assert.ok(await context.close())
  })

  const source = (variables: EmulatedSource['variables']): EmulatedSource => ({
    baseUrl,
    variables,
    fromMs,
    toMs
  })

  for (const { json: dashboard } of dashboards) {
    const variableOf = (wanted: string): Target => {
      const variable = dashboard.templating.list.find(({ name }) => name === wanted)
      assert.ok(typeof variable?.query === 'object', wanted)
      return variable.query.infinityQuery
    }

    it(`${dashboard.title}: the symbol variable lists configured symbols, then others that were seen`, async () => {
      assert.deepEqual(await runVariable(variableOf('symbol'), source({})), [
        'AAPL',
        WITHOUT_DATA,
        'NVDA'
      ])
    })

    it(`${dashboard.title}: the timeframes offered are those that are made, and the api knows each`, async () => {
      const offered = await runVariable(variableOf('timeframe'), source({}))
      assert.deepEqual(offered, ['auto', ...TIMEFRAMES])
      const targets = dashboard.panels.flatMap((panel) => panel.targets)
      const asking = targets.filter(({ url_options: { params = [] } }) =>
        params.some(({ value }) => value === '${timeframe}')
      )
      assert.ok(asking.length > 0 || dashboard.title === 'Pipeline')
      for (const timeframe of offered) {
        const chosen = source({ ...CHOSEN, symbol: 'AAPL', timeframe })
        for (const target of asking) await runTarget(target, chosen)
      }
    })

    it(`${dashboard.title}: the horizons offered are those of the chosen timeframe, and never none`, async () => {
      const offered = (timeframe: string): Promise<string[]> =>
        runVariable(variableOf('horizon'), source({ symbol: 'AAPL', timeframe }))
      assert.deepEqual(await offered('1m'), ['1', '5'])
      for (const without of ['15m', '5m/1m', '100t'])
        assert.deepEqual(await offered(without), ['1'])
    })

    it(`${dashboard.title}: the first choices are ${Object.values(CHOSEN).join(', ')}`, () => {
      for (const name of ['timeframe', 'model'] as const) {
        const variable = dashboard.templating.list.find((one) => one.name === name)
        assert.equal(variable?.current?.value, CHOSEN[name])
      }
    })

    it(`${dashboard.title}: change points of the chosen model are marks with a text`, async () => {
      const [, changes] = dashboard.annotations.list
      const chosen = source({ ...CHOSEN, symbol: 'AAPL', timeframe: '5s' })
      const frame = await runTarget(changes!.target, chosen)
      const [text, time] = frame.fields
      assert.deepEqual(time?.values, [fromMs + 60_000])
      assert.match(String(text?.values[0]), /errors of linear-regression rose permanently/)
    })

    for (const panel of dashboard.panels) {
      const shownFor = async (symbol: string): Promise<number> => {
        const stored = source({ ...CHOSEN, symbol })
        const chosen = OF_NOW.includes(panel.title)
          ? { ...stored, toMs: Date.now() + MINUTE_MS }
          : stored
        const frames = []
        for (const target of panel.targets) frames.push(await runTarget(target, chosen))
        return drawPanel(panel, frames)
      }

      for (const symbol of WITH_DATA) {
        it(`${panel.title}: draws ${symbol}`, async () => {
          const isThere = panel.title !== ABOUT_THE_BROKER
          assert.equal((await shownFor(symbol)) > 0, isThere, 'something to show is expected')
        })
      }

      it(`${panel.title}: is empty, not broken, for a symbol without data`, async () => {
        const shown = await shownFor(WITHOUT_DATA)
        const speaks = [...ABOUT_ALL, ...WORDS_WITHOUT_DATA].includes(panel.title)
        assert.equal(shown > 0, speaks)
      })
    }

    it(`${dashboard.title}: all panels are answered side by side, for less than 150 KiB a refresh`, async (t) => {
      assert.equal(dashboard.refresh, '5s')
      for (let refresh = 0; refresh < 5; refresh += 1) {
        // The next second's range, so that no answer comes from the api's cache. The browser asks the
        // panels side by side, and each panel's own queries one after another.
        const chosen = {
          ...source({ ...CHOSEN, symbol: 'AAPL' }),
          fromMs: fromMs - 3 * RANGE_MS + refresh * 1000,
          toMs: toMs + 3 * MINUTE_MS + refresh * 1000
        }
        const costs = await Promise.all(
          dashboard.panels.map(async ({ targets }) => {
            let sum = 0
            for (const target of targets) sum += (await measureTarget(target, chosen)).bytes
            return sum
          })
        )
        const bytes = costs.reduce((sum, one) => sum + one, 0)
        if (refresh === 0) t.diagnostic(`${(bytes / 1024).toFixed(1)} KiB a refresh`)
        assert.ok(bytes < REFRESH_BYTES, `${bytes} bytes`)
      }
    })
  }

  it('every alert rule gets rows of one label and one number, and an outage that lasts fires', async () => {
    const text = await readFile(
      new URL('../../grafana/provisioning/alerting/rules.yaml', import.meta.url),
      'utf8'
    )
    const { groups } = parse(text) as {
      groups: { rules: { uid: string; data: [{ model: Target }, object] }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    assert.equal(rules.length, 15)
    for (const { uid, data } of rules) {
      const { fields } = await runTarget(data[0].model, source({}))
      // Nothing of the kind is stored here: "no data" is OK for a rule.
      if (fields.length === 0) continue
      assert.deepEqual(
        fields.map(({ name, type }) => `${name}: ${type}`),
        ['label: string', 'value: number'],
        uid
      )
      if (uid === 'tapedeck-outage') assert.ok(Number(fields[1]?.values[0]) > 0)
    }
  })

  it('a timeframe without forecasts says so', async () => {
    const [target] = panelOf('Forecast').targets
    for (const timeframe of ['15m', '5m/1m', '100t']) {
      const chosen = source({ ...CHOSEN, symbol: 'AAPL', timeframe })
      const frame = await runTarget(target!, chosen)
      assert.deepEqual(frame.fields[0]?.values, ['no forecast for this timeframe (FORECASTS)'])
    }
  })

  for (const [timeframe, count, atMs] of [
    ['5m/1m', 15, (index: number) => index * MINUTE_MS],
    ['100t', 9, (index: number) => index * 100_000 + 250]
  ] as const) {
    it(`bars of ${timeframe} are drawn where each begins, without session VWAP and forecast`, async () => {
      const chosen = source({ ...CHOSEN, symbol: 'AAPL', timeframe })
      const panel = panelOf('$symbol, bars of $timeframe')
      const frame = await runTarget(panel.targets[0]!, chosen)
      assert.equal(drawPanel(panel, [frame]), count)
      const values = (name: string) => frame.fields.find((field) => field.name === name)?.values
      assert.deepEqual(
        values('time'),
        Array.from({ length: count }, (_, index) => fromMs + atMs(index))
      )
      for (const none of ['sessionVwap', 'forecast', 'bandLower', 'bandUpper']) {
        assert.deepEqual(new Set(values(none)), new Set([null]))
      }
      const gap = panelOf('Against the session VWAP')
      assert.equal(drawPanel(gap, [await runTarget(gap.targets[0]!, chosen)]), 0)
      assert.equal(gap.fieldConfig.defaults.noValue, 'not known for these bars')
      for (const title of ['Up and down volume (inferred)', 'Realised volatility']) {
        const drawn = panelOf(title)
        assert.equal(drawPanel(drawn, [await runTarget(drawn.targets[0]!, chosen)]), count)
      }
    })
  }

  it('a range of any length gives a chart of 1500 windows at most, by a timeframe that fits', async () => {
    const [target] = panelOf('$symbol, bars of $timeframe').targets
    for (const days of [1 / 24, 1, 7, 30, 365]) {
      const chosen = {
        ...source({ ...CHOSEN, symbol: 'AAPL', timeframe: 'auto' }),
        fromMs: toMs - days * 86_400_000
      }
      const { rows } = await measureTarget(target!, chosen)
      assert.ok(rows <= 1500 && (days > 1 || rows > 0), `${days} days: ${rows} rows`)
    }
  })

  it('the candles are those that are stored, and a forecast is ahead of the last one', async () => {
    const [target] = panelOf('$symbol, bars of $timeframe').targets
    const chosen = source({ ...CHOSEN, symbol: 'AAPL' })
    const frame = await runTarget(target!, { ...chosen, toMs: toMs + 3 * MINUTE_MS })
    assert.deepEqual(
      frame.fields.map(({ name, type }) => `${name}: ${type}`),
      [
        'bandLower: number',
        'bandUpper: number',
        'close: number',
        'forecast: number',
        'high: number',
        'low: number',
        'open: number',
        'sessionVwap: number',
        'time: time',
        'volume: number'
      ]
    )
    const values = (name: string) => frame.fields.find((field) => field.name === name)?.values ?? []
    const windows = RANGE_MS / MINUTE_MS
    assert.equal(values('close').filter((value) => value !== null).length, windows)
    assert.equal(values('sessionVwap').filter((value) => value !== null).length, windows)
    // The first bar of a symbol has no forecast: nothing came before it.
    assert.equal(values('forecast').filter((value) => value !== null).length, windows - 1)
  })

  function panelOf(wanted: string) {
    const panels = dashboards.flatMap(({ json }) => json.panels)
    return panels.find(({ title }) => title === wanted) ?? assert.fail(`no panel '${wanted}'`)
  }

  for (const { json: dashboard } of dashboards) {
    it(`${dashboard.title}: outages are stretches with a text`, async () => {
      const [annotation] = dashboard.annotations.list
      const frame = await runTarget(annotation!.target, source({}))
      assert.deepEqual(frame.fields.map(({ name, type }) => `${name}: ${type}`).toSorted(), [
        'text: string',
        'time: time',
        'timeEnd: time'
      ])
      const [time, timeEnd] = ['time', 'timeEnd'].map((wanted) =>
        frame.fields.find(({ name }) => name === wanted)?.values.map(Number)
      )
      assert.deepEqual(time, [fromMs + 60_000, toMs - 30_000])
      assert.equal(timeEnd?.[0], fromMs + 75_000)
      assert.ok(Number(timeEnd?.[1]) >= toMs - 30_000, 'one that lasts ends now')
    })
  }
})

/** A producer and a consumer as the api sees them, with more trades at each reading. Returns METRICS_URLS. */
async function measuredServices(api: ServiceContext): Promise<string> {
  const { context, stop } = createContext(createLogger('services', 'silent'))
  api.defer(async () => {
    stop()
    await context.close()
  })
  const { tradesReceived, tradesPublished, latency } = producerMetrics(context.metrics)
  const metrics = createMetrics()
  const { tradesStored, lag, checkpoint, latency: latencyOfStored } = consumerMetrics(metrics)
  const count = (): void => {
    for (const counter of [tradesReceived, tradesPublished, tradesStored]) counter.inc(100)
    lag.set({ partition: 0 }, 3)
    checkpoint.set({ partition: 0 }, Date.now() / 1000)
    latency('receipt', 40)
    latency('broker', 15)
    latencyOfStored('stored', 700)
  }
  const producer = await serveHealth('producer', context, () => [])
  const consumer = await serveHealth('consumer', { ...context, metrics }, () => [])
  const timer = setInterval(count, 500)
  context.defer(() => clearInterval(timer))
  return `producer=${producer.url}/metrics,consumer=${consumer.url}/metrics`
}

function ready(url: string): Promise<void> {
  return until(`${url} answers 200`, async () => (await fetch(url)).status === 200)
}
