import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { readEnv } from '@tapedeck/core'
import { ensureCollections, MONGO_VARIABLES, mongoConfig, openDatabase } from '@tapedeck/mongo'
import { createContext, createLogger } from '@tapedeck/service'
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  runTarget,
  runVariable,
  type EmulatedSource,
  type Target
} from '../support/infinity-emulator.ts'
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
const ABOUT_ALL = ['State of the feed', 'Symbols', 'How the forecasts did', 'Trades per second']
/** A panel says so in words where the api has no forecast: the verdict is a row of its own. */
const WORDS_WITHOUT_DATA = ['Forecast against the last price']

/** What the dashboard begins with. */
const CHOSEN = { timeframe: '5s', horizon: '1', model: 'linear-regression' }

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
    baseUrl = (await startApi(readConfig(env), context)).url
    await ready(`${baseUrl}/readyz`)
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
    const timeframe = dashboard.templating.list.find(({ name }) => name === 'timeframe')

    it(`${dashboard.title}: the symbol variable lists configured symbols, then others that were seen`, async () => {
      const variable = dashboard.templating.list.find(({ name }) => name === 'symbol')
      assert.ok(variable !== undefined && typeof variable.query === 'object')
      assert.deepEqual(await runVariable(variable.query.infinityQuery, source({})), [
        'AAPL',
        WITHOUT_DATA,
        'NVDA'
      ])
    })

    it(`${dashboard.title}: every timeframe offered is one that the api knows`, async () => {
      const [panel] = dashboard.panels
      for (const { value } of timeframe?.options ?? assert.fail('no timeframe variable')) {
        await runTarget(panel!.targets[0]!, source({ ...CHOSEN, symbol: 'AAPL', timeframe: value }))
      }
    })

    it(`${dashboard.title}: the horizons offered are those that the chosen timeframe is forecast at`, async () => {
      const variable = dashboard.templating.list.find(({ name }) => name === 'horizon')
      assert.ok(variable !== undefined && typeof variable.query === 'object')
      const offered = (chosen: string): Promise<string[]> =>
        runVariable(
          (variable.query as { infinityQuery: Target }).infinityQuery,
          source({ symbol: 'AAPL', timeframe: chosen })
        )
      assert.deepEqual(await offered('5s'), ['1'])
      assert.deepEqual(await offered('15m'), [])
    })

    it(`${dashboard.title}: the first choices are ${Object.values(CHOSEN).join(', ')}`, () => {
      for (const name of ['timeframe', 'model'] as const) {
        const variable = dashboard.templating.list.find((one) => one.name === name)
        assert.equal(variable?.current?.value, CHOSEN[name])
      }
    })

    it(`${dashboard.title}: change points of the chosen model are marks with a text`, async () => {
      const [, changes] = dashboard.annotations.list
      const frame = await runTarget(changes!.target, source({ ...CHOSEN, symbol: 'AAPL' }))
      const [text, time] = frame.fields
      assert.deepEqual(time?.values, [fromMs + 60_000])
      assert.match(String(text?.values[0]), /errors of linear-regression rose permanently/)
    })

    it(`${dashboard.title}: a timeframe without forecasts says so`, async () => {
      const panel = dashboard.panels.find(
        ({ title }) => title === 'Forecast against the last price'
      )
      const chosen = source({ ...CHOSEN, symbol: 'AAPL', timeframe: '15m', horizon: '' })
      const frame = await runTarget(panel!.targets[0]!, chosen)
      assert.deepEqual(frame.fields[0]?.values, ['no forecast for this timeframe (FORECASTS)'])
    })

    for (const panel of dashboard.panels) {
      const shownFor = async (symbol: string): Promise<number> => {
        const chosen = source({ ...CHOSEN, symbol })
        const frames = []
        for (const target of panel.targets) frames.push(await runTarget(target, chosen))
        return drawPanel(panel, frames)
      }

      for (const symbol of WITH_DATA) {
        it(`${panel.title}: draws ${symbol}`, async () => {
          assert.ok((await shownFor(symbol)) > 0, 'something to show is expected')
        })
      }

      it(`${panel.title}: is empty, not broken, for a symbol without data`, async () => {
        const shown = await shownFor(WITHOUT_DATA)
        const speaks = [...ABOUT_ALL, ...WORDS_WITHOUT_DATA].includes(panel.title)
        assert.equal(shown > 0, speaks)
      })
    }

    it(`${dashboard.title}: all panels are answered side by side, refresh after refresh`, async () => {
      assert.equal(dashboard.refresh, '1s')
      for (let refresh = 0; refresh < 5; refresh += 1) {
        // The next second's range, so that no answer comes from the api's cache. The browser asks the
        // panels side by side, and each panel's own queries one after another.
        const chosen = {
          ...source({ ...CHOSEN, symbol: 'AAPL', timeframe: '1s' }),
          fromMs: fromMs + refresh * 1000,
          toMs: toMs + refresh * 1000
        }
        await Promise.all(
          dashboard.panels.map(async ({ targets }) => {
            for (const target of targets) await runTarget(target, chosen)
          })
        )
      }
    })
  }

  it('the candles are those that are stored, with the forecast of the same moments beside them', async () => {
    const panel = dashboards
      .flatMap(({ json }) => json.panels)
      .find(({ type }) => type === 'candlestick')
    const frames = []
    for (const target of panel?.targets ?? []) {
      frames.push(await runTarget(target, source({ ...CHOSEN, symbol: 'AAPL' })))
    }
    const [bars, forecasts] = frames
    assert.deepEqual(
      bars?.fields.map(({ name, type }) => `${name}: ${type}`),
      [
        'close: number',
        'high: number',
        'low: number',
        'open: number',
        'time: time',
        'volume: number',
        'vwap: number'
      ]
    )
    const windows = RANGE_MS / 5000
    assert.equal(bars.fields[0]?.values.length, windows)
    // The first bar of a symbol has no forecast: nothing came before it.
    assert.equal(forecasts?.fields[0]?.values.length, windows - 1)
  })

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

  it('each symbol is a series of its own in the trades per second', async () => {
    const panel = dashboards
      .flatMap(({ json }) => json.panels)
      .find(({ title }) => title === 'Trades per second')
    const frame = await runTarget(panel!.targets[0]!, source({}))
    const series = frame.fields.filter(({ type }) => type === 'number')
    assert.deepEqual(
      series.map(({ labels }) => labels['symbol']),
      WITH_DATA
    )
    for (const { values } of series) assert.deepEqual([...new Set(values)], [1])
  })
})

function ready(url: string): Promise<void> {
  return until(`${url} answers 200`, async () => (await fetch(url)).status === 200)
}
