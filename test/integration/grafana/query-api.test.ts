import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { Secret } from '@tapedeck/core'
import { GrafanaHttp } from '@tapedeck/grafana'
import { createContext, createLogger } from '@tapedeck/service'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import {
  compareQueries,
  type AlertRule,
  type Compared
} from '../../programs/grafana-queries/compare.ts'
import { queryStandIn, type QueryStandIn } from '../../support/grafana-query-stand-in.ts'
import { committedDashboards } from '../../support/infinity-emulator-panels.ts'
import { seedFeed, seedMarket } from '../../support/infinity-emulator-seed.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { OwnScope } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'

// Goal: npm run test:grafana sends what Grafana takes, and finds what differs.
// Method: the real api on a seeded database, and a stand-in that holds each call to Grafana's description of it.

const MINUTE_MS = 60_000
const TIMEFRAMES = ['1m', '5m/1m', '100t']

describe('the queries of the dashboards through /api/ds/query', { timeout: 120_000 }, () => {
  const scope = new OwnScope()
  let grafana: QueryStandIn
  let api = { baseUrl: '' }

  before(async () => {
    const { mongoUri, database: name } = servers()
    const { database } = await ownDatabase(scope, { mongoUri, database: name })
    const toMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS
    const span = { fromMs: toMs - 5 * MINUTE_MS, toMs }
    await seedMarket(database, { symbol: 'AAPL', basePrice: 230, ...span })
    await seedFeed(database, span)
    const { context, stop } = createContext(createLogger('api', 'silent'))
    scope.after(async () => {
      stop()
      await context.close()
    })
    const config = readConfig({
      MONGODB_URI: mongoUri,
      MONGODB_DB: name,
      API_PORT: '0',
      SYMBOLS: 'AAPL',
      TIMEFRAMES: TIMEFRAMES.join(',')
    })
    api = { baseUrl: (await startApi(config, context)).url }
    grafana = await queryStandIn(scope, api)
  })
  after(() => scope.end())

  async function compared(token = grafana.token): Promise<Compared> {
    const text = await readFile(
      new URL('../../../grafana/provisioning/alerting/rules.yaml', import.meta.url),
      'utf8'
    )
    const { groups } = parse(text) as { groups: readonly { readonly rules: AlertRule[] }[] }
    grafana.targets.length = 0
    return compareQueries({
      grafana: new GrafanaHttp(grafana.address, new Secret(token), new AbortController().signal),
      api,
      dashboards: (await committedDashboards()).map(({ json }) => json),
      rules: groups.flatMap(({ rules }) => rules),
      symbol: undefined,
      nowMs: Date.now()
    })
  }

  it('are all taken and have the columns of the emulator, in each timeframe that is offered', async (t) => {
    const { asked, empty, wrong } = await compared()
    t.diagnostic(`${asked} queries, ${empty} without rows`)
    assert.deepEqual(wrong, [])
    assert.deepEqual(grafana.misfits, [])
    assert.equal(grafana.targets.length, asked)
    assert.ok(empty > 0 && empty < asked / 2, `${empty} of ${asked} have no rows`)
    const params = grafana.targets.flatMap(({ url_options }) => url_options.params ?? [])
    const sent = new Set(params.filter(({ key }) => key === 'timeframe').map(({ value }) => value))
    for (const timeframe of ['auto', ...TIMEFRAMES]) assert.ok(sent.has(timeframe), timeframe)
    const texts = JSON.stringify(grafana.targets)
    assert.deepEqual(new Set(texts.match(/\$\{\w+\}/g)), new Set(['${__timeFrom}', '${__timeTo}']))
    const asks = (path: string): boolean => grafana.targets.some(({ url }) => url === path)
    for (const path of ['choices', 'chart', 'gaps', 'forecast-events', 'alerts']) {
      assert.ok(asks(`/api/v1/${path}`), path)
    }
  })

  it('are named with what is wrong: an error, a lost column, another type, no rows', async () => {
    grafana.answer = (frame, { url }) => {
      const { fields } = frame
      if (url === '/api/v1/feed') throw new Error('dial tcp: connection refused')
      if (url === '/api/v1/tape') return { ...frame, fields: fields.slice(1) }
      if (url === '/api/v1/gaps') return { ...frame, fields: [] }
      if (url !== '/api/v1/trade-rate') return frame
      return { ...frame, fields: fields.map((field) => ({ ...field, type: 'string' as const })) }
    }
    const { wrong } = await compared()
    grafana.answer = (frame) => frame
    const expected = [
      /^Market, Trades per second, AAPL .*: columns time: string, .* found, expected time: time, /,
      /^Market, Tape of \$symbol, AAPL .*: columns .* found, expected conditions: string, /,
      /^Market, marks gaps, AAPL .*: columns none found, expected text: string, /,
      /^Pipeline, State of the feed, AAPL .*: 400: Error: dial tcp: connection refused$/
    ]
    assert.equal(wrong.length, expected.length, wrong.join('\n'))
    expected.forEach((one, at) => assert.match(wrong[at] ?? '', one))
  })

  it('end at once with a token that Grafana does not take', async () => {
    await assert.rejects(compared('glsa_another'), {
      code: 'CONFIG_INVALID',
      message: /401 "Invalid API key".* GRAFANA_TOKEN/
    })
  })
})
