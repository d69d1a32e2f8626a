import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { createRun, registerSchedules } from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { aChange, aScore } from '../../support/forecast-parts.ts'
import {
  aBar,
  aFeedStatus,
  aForecast,
  aGap,
  aLateTrade,
  aSymbol,
  aTrade,
  T0_MS
} from '../../support/market-documents.ts'
import { publishReport } from '../../support/lake-report.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { runningApi, untilReady } from './running-api.ts'

const API_TOKEN = 'a-token-of-the-test'
const MINUTE_MS = 60_000
const scope = new OwnScope()

interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path'
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}
interface Schema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}
interface Operation {
  readonly summary?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: object
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Values that fit, by the format of their schema. */
const FITTING: Readonly<Record<string, fc.Arbitrary<string>>> = {
  symbols: fc.constantFrom('AAPL', 'MSFT,AAPL', '*', 'NOBODY', 'BINANCE:BTCUSDT'),
  symbol: fc.constantFrom('AAPL', 'NOBODY', 'BINANCE:币安人生USDT'),
  timeframe: fc.constantFrom('1s', '1m', '5m/1m', '100t', '50000v', '1d', 'regular'),
  instant: fc.oneof(
    fc.integer({ min: T0_MS - 1e8, max: T0_MS + 1e8 }).map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  ),
  window: fc.constantFrom('7m', '90s', '24h'),
  position: fc.integer().map((ms) => `${ms}~c-1-0`),
  indicators: fc.constantFrom('sma:20', 'rsi,macd', 'bollinger:5:1.5,ema:500'),
  'row-position': fc.integer().map((ms) => `${ms}~AAPL~c-1-0`),
  names: fc.constantFrom('time', 'symbol,time'),
  'bar-id': fc.constantFrom(`AAPL|1m|${T0_MS}`, `MSFT|100t|c-1-0`, 'NOBODY|1h|0'),
  'run-id': fc.constantFrom('load@1', 'nobody@1'),
  'trade-date': fc.constantFrom('2026-11-27', '2026-11-26')
}

/** Values near those that fit. */
const NEAR = [
  '',
  ' ',
  '0',
  '-1',
  '1.5',
  '1e3',
  '10001',
  '9'.repeat(17),
  '8640000000000001',
  '-8640000000000000',
  '2025-02-30',
  '2025-01-31T14:30:00',
  '1M',
  '7m',
  '5m/7m',
  '0t',
  'aapl',
  'A,,B',
  ',',
  '*,AAPL',
  'AAPL|1m',
  'AAPL|1m|0|1',
  '|1m|0',
  '1~',
  `9~${'x'.repeat(300)}`
]

const HOSTILE = [
  '\u0000',
  '$where',
  '{"$gt":""}',
  '[$ne]=1',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%',
  '%00',
  '\r\nx: y',
  "'; drop table trades",
  '😀'.repeat(20),
  'A,'.repeat(600),
  'x'.repeat(2000),
  '\ud800'
]

function fitting({ format, enum: names, minimum = 1, maximum = 1000 }: Schema) {
  if (names !== undefined) return fc.constantFrom(...names)
  const known = format === undefined ? undefined : FITTING[format]
  return known ?? fc.integer({ min: minimum, max: maximum }).map(String)
}

const anyText = fc.oneof(
  fc.constantFrom(...NEAR),
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'grapheme' })
)

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/**
 * Paths with query of an operation. All of it fits, or most does and the rest is close or hostile, unknown names included.
 */
function addresses(
  path: string,
  { parameters = [] }: Operation,
  isFitting: boolean
): fc.Arbitrary<string> {
  const value = (schema: Schema) =>
    isFitting
      ? fitting(schema)
      : fc.oneof({ arbitrary: fitting(schema), weight: 3 }, { arbitrary: anyText, weight: 1 })
  const ofPath = parameters.filter((one) => one.in === 'path')
  const ofQuery = parameters.filter((one) => one.in === 'query')
  const given = fc.tuple(
    fc.tuple(...ofPath.map(({ schema }) => value(schema))),
    // Half of them, because some exclude each other.
    fc.tuple(...ofQuery.map(({ schema }) => fc.option(value(schema), { freq: 1 }))),
    fc.oneof(
      { arbitrary: fc.constant([]), weight: 4 },
      {
        arbitrary: fc.array(fc.tuple(fc.oneof(anyText, fc.constant('limit')), anyText), {
          maxLength: isFitting ? 0 : 3
        }),
        weight: 1
      }
    )
  )
  return given.map(([inPath, inQuery, others]) => {
    const filled = ofPath.reduce(
      (text, { name }, at) => text.replace(`{${name}}`, () => encoded(inPath[at] ?? '')),
      path
    )
    const pairs = [
      ...ofQuery.map(({ name }, at) => [name, inQuery[at]] as const),
      ...others
    ].flatMap(([name, text]) => (text == null ? [] : [`${encoded(name)}=${encoded(text)}`]))
    return pairs.length === 0 ? filled : `${filled}?${pairs.join('&')}`
  })
}

/** A body that fits, by path. */
const BODIES: Readonly<Record<string, string>> = {
  '/api/v1/symbols': '{"symbols":["TSLA"]}',
  '/api/v1/batch/runs': '{"job":"load","parameters":{"date":"2026-11-27"}}'
}

/** Bodies for an operation that takes one: lists of symbols, other JSON, no JSON. */
const bodies = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom('TSLA', 'NVDA', 'tsla', ''), anyText), { maxLength: 4 })
    .map((symbols) => JSON.stringify({ symbols })),
  fc.json(),
  fc.string()
)

describe('the OpenAPI document', { timeout: 300_000 }, () => {
  let base = ''
  let document: Document

  before(async () => {
    const { database, config } = await ownDatabase(scope)
    await database.trades.insertMany([0, 1, 2].map((index) => aTrade('AAPL', index * 1000)))
    await database.bars.insertMany([
      ...[0, 1, 2].map((index) => aBar('AAPL', '1m', MINUTE_MS, index)),
      aBar('MSFT', '100t', MINUTE_MS, 2, { _id: 'MSFT|100t|c-1-0' }),
      aBar('AAPL', '1s', 1000, 0)
    ])
    await database.lateTrades.insertOne(aLateTrade('AAPL', 60_000, 'too late', 90_000_000))
    await database.forecasts.insertMany([
      aForecast('AAPL', 1, { error: 0.2, naiveError: -0.4 }),
      aForecast('AAPL', 2, undefined)
    ])
    await database.forecastScores.insertOne(aScore('AAPL', '1m', 1))
    await database.forecastEvents.insertOne(aChange('AAPL', '1m', 1, new Date(T0_MS)))
    await database.symbols.insertOne(aSymbol('AAPL'))
    await database.feedStatus.insertOne(aFeedStatus({}))
    await database.feedGaps.insertOne(aGap('g', 0, 5000))
    await createRun(database, aRun('load@1'))
    const definition = '{"job":"load","market":"close"}'
    await registerSchedules(database, [{ _id: 'nightly', definition }])
    const lakeDir = await temporaryFolder(scope)
    await publishReport(lakeDir, { date: '2026-11-27', run: 'load@1', html: '<h1>The day</h1>' })
    const more = { API_TOKEN, LAKE_DIR: lakeDir }
    const api = await runningApi(scope, { uri: config.uri, database: config.database, more })
    await untilReady(api.get)
    base = api.url
    document = (await (await fetch(`${base}/openapi.json`)).json()) as Document
  })
  after(() => scope.end())

  it('is a valid one of version 3.1 and describes every route', async () => {
    const { valid, errors } = await new Validator().validate({ ...structuredClone(document) })
    assert.ok(valid, JSON.stringify(errors, null, 1))
    assert.equal(document.openapi, '3.1.0')
    // The answer to an unknown path lists the routes.
    const unknown = await (await fetch(`${base}/nowhere`)).text()
    const routes = unknown.match(/expected one of ([^;]*?)"/)?.[1]?.split(', ') ?? []
    assert.ok(routes.includes('/api/v1/bars/:id/trades'))
    for (const route of routes) {
      const path = route.replace(/:(\w+)/g, '{$1}')
      assert.ok(document.paths[path]?.['get']?.summary !== undefined, `${route} is described`)
    }
  })

  it('names the fields of rows that can be chosen, and every format of an answer', () => {
    for (const path of ['trades', 'bars', 'forecasts']) {
      const read = document.paths[`/api/v1/${path}`]?.['get']
      const fields = read?.parameters?.find(({ name }) => name === 'fields')
      assert.match(fields?.description ?? '', /some of id, .*symbol, .*time, /)
      assert.deepEqual(Object.keys(read?.responses['200']?.content ?? {}), [
        'application/json',
        'application/x-ndjson',
        'text/csv',
        'application/vnd.apache.parquet',
        'application/vnd.apache.arrow.stream'
      ])
    }
  })

  it('keeps what it says: whatever is asked, an answer of its schemas and no failure', async () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false })
    const compiled = new Map<object, ValidateFunction>()
    const fits = (schema: object, value: unknown): string | undefined => {
      const validate = compiled.get(schema) ?? ajv.compile(schema)
      compiled.set(schema, validate)
      return validate(value) ? undefined : ajv.errorsText(validate.errors)
    }
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const isOfStream = ['/api/v1/stream', '/api/v1/events', '/finnhub'].includes(path)
        const hasBody = operation.requestBody !== undefined
        const ask = fc.oneof(
          fc.record({
            address: addresses(path, operation, true),
            isAllowed: fc.constant(true),
            body: fc.constant(hasBody ? BODIES[path] : undefined)
          }),
          fc.record({
            address: addresses(path, operation, false),
            isAllowed: fc.boolean(),
            body: hasBody ? bodies : fc.constant(undefined)
          })
        )
        let good = 0
        await fc.assert(
          fc.asyncProperty(ask, async ({ address, isAllowed, body }) => {
            const response = await fetch(`${base}${address}`, {
              method: method.toUpperCase(),
              headers: {
                ...(isAllowed && { authorization: `Bearer ${API_TOKEN}` }),
                ...(body !== undefined && { 'content-type': 'application/json' })
              },
              ...(body !== undefined && { body }),
              signal: AbortSignal.timeout(30_000)
            })
            const { status } = response
            const text = await response.text()
            if (status === 200) good++
            // There is no broker here, and Finnhub's protocol needs the token.
            if (isOfStream) assert.equal(status, path === '/finnhub' && !isAllowed ? 401 : 503)
            else assert.ok(status < 500, `${status} ${text}`)
            // An empty or doubled segment makes it another path.
            const { responses } = operation
            const said = responses[status] ?? responses[`${String(status)[0]}XX`]
            const { content } = said ?? {}
            // Tables of other formats, and rows with some of their fields: history.test.ts holds them.
            if (status === 200 && /[?&](format|fields)=\w/.test(address)) return
            if (content === undefined) return assert.ok(status === 200 || status === 404)
            const [type, { schema }] = Object.entries(content)[0]!
            assert.ok(response.headers.get('content-type')?.startsWith(type))
            const answer: unknown = type === 'text/html' ? text : JSON.parse(text)
            assert.equal(fits(schema, answer), undefined, text)
          }),
          { numRuns: 60 }
        )
        assert.ok(isOfStream || good > 0, `no request of ${method} ${path} was a good one`)
      }
    }
  })

  it('can be read and tried at /docs, by scripts of this server alone', async () => {
    const page = await fetch(`${base}/docs`)
    assert.equal(page.status, 200)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.doesNotMatch(policy, /https:|upgrade-insecure-requests|unsafe-eval/)
    const scripts = [...(await page.text()).matchAll(/<(script|link)[^>]*(?:src|href)="([^"]+)"/g)]
    assert.ok(scripts.length >= 2)
    for (const [, , source = ''] of scripts) {
      const { status } = await fetch(new URL(source, `${base}/docs/`))
      assert.equal(status, 200, source)
    }
  })
})
