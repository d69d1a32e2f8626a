import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  barRecordsOf,
  batchDocuments,
  consumerMetrics,
  RecordIntake
} from '@tapedeck/consumer/testing'
import {
  closeBatch,
  decodeRecord,
  ForecastEngine,
  MemoryBars,
  MemoryForecasts,
  PartitionFold
} from '@tapedeck/domain'
import {
  type BarDocument,
  type LateTradeDocument,
  type SymbolDocument,
  type TradeDocument
} from '@tapedeck/mongo'
import { storedActivityBarOf, storedBarOf, throughBson } from '@tapedeck/mongo/testing'
import { createLogger, createMetrics } from '@tapedeck/service'
import { START_MS } from '../../support/trades.ts'
import { apiOn } from '../api/reader-double.ts'

const TIMEFRAMES = ['1s', '1m', '1h', '5m/1m', '1d', 'regular', '2t', '100v', '1000usd']
const FOLD = {
  timeframes: TIMEFRAMES,
  policy: 'feed',
  allowedDelayMs: 0,
  latenessLimitMs: 1e15,
  futureLimitMs: 60_000,
  redelivered: 'drop'
} as const
const OWNER = {
  log: 'raw_data/0',
  epoch: 1,
  logEpoch: 1,
  topicId: 'topic',
  lost: null,
  placement: 1,
  nextOffset: 0,
  flushingTo: 0,
  flushingWatermarkMs: -Infinity,
  flushingGapsMs: undefined,
  storedUntilMs: -Infinity,
  lastRecord: undefined,
  unscoredFrom: Infinity,
  state: undefined,
  configChanged: false
}

const LAST_MS = Date.UTC(9999, 11, 1)
/** Mostly within what a record may hold and at its limits, sometimes beyond. */
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: 1e-50, max: 1e50, noNaN: true }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 50_000 }).map((cents) => cents / 100) },
  { weight: 6, arbitrary: fc.constantFrom(1e-50, 1e50, 3e-13, 2 ** 53 + 2, 1e21, 0.1) },
  { weight: 1, arbitrary: fc.constantFrom(0, 9.9e-51, 1.1e50, 5e-324, 1.7e308, -1) }
)
const size = fc.oneof({ weight: 9, arbitrary: amount }, { weight: 1, arbitrary: fc.constant(0) })
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: START_MS, max: START_MS + 20_000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: LAST_MS }) },
  { weight: 3, arbitrary: fc.constantFrom(1, LAST_MS) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0, LAST_MS + 1, 9e15, 1.5, START_MS * 1000) }
)
const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('finnhub', '0mwv6bn8sff46', '__proto__', 'constructor', 'a-1-2', '-')
  },
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 99, maxLength: 101 }) }
)
const SYMBOLS = [
  'AAPL',
  'BINANCE:BTCUSDT',
  'constructor',
  'M&M.NS',
  'IC MARKETS:1',
  '$SPX',
  'EURUSD=X',
  'BINANCE:币安人生USDT',
  'a.b.c',
  'toString',
  'NULL',
  '1'
]
const symbol = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(...SYMBOLS)
  },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'A|B', '*', ' LEAD', '.', '') },
  { weight: 1, arbitrary: name }
)
const trade = fc.record(
  {
    p: amount,
    t: time,
    v: size,
    c: fc.oneof(
      fc.constant(null),
      fc.array(fc.oneof(fc.constantFrom('1', '12', '16', '24', '37'), name), { maxLength: 3 })
    ),
    i: name
  },
  { requiredKeys: ['p', 't', 'v'] }
)
const record = fc
  .record({
    feed: name,
    symbol,
    connection: name,
    frame: fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 41 - 2, 2 ** 41)),
    receivedAt: time,
    trades: fc.array(trade, { minLength: 1, maxLength: 3 })
  })
  .map((fields) => ({ version: 1, indexes: fields.trades.map((_, index) => index), ...fields }))

/** Fails unless every number of a JSON value is there: JSON writes NaN and Infinity as null. */
function assertFinite(value: unknown, path = ''): void {
  if (typeof value === 'number') assert.ok(Number.isFinite(value), `${path} is ${value}`)
  if (value instanceof Date) assert.ok(!Number.isNaN(value.getTime()), `${path} is no time`)
  if (typeof value !== 'object' || value === null || value instanceof Date) return
  for (const [key, one] of Object.entries(value)) assertFinite(one, `${path}.${key}`)
}

/** The rows that the api answers; fails unless it answers so many. */
async function rowsOf(
  path: string,
  parts: Parameters<typeof apiOn>[0],
  count?: number
): Promise<object[]> {
  const answer = await apiOn(parts).inject(path)
  assert.equal(answer.statusCode, 200, answer.body)
  const { bars, trades, lateTrades, symbols } = answer.json<Record<string, object[]>>()
  const rows = bars ?? trades ?? lateTrades ?? symbols ?? []
  if (count !== undefined) assert.equal(rows.length, count, path)
  return rows
}

describe('a record that is accepted', () => {
  // Goal: no check at the edge is wider than a later step.
  // Method: records at and beyond every limit; those that decodeRecord takes go through every step.
  it(
    'is held by every later step, to the answer of the api and back',
    { timeout: 300_000 },
    async () => {
      let accepted = 0
      const answer = {
        bars: new Array<BarDocument>(),
        trades: new Array<TradeDocument>(),
        late: new Array<LateTradeDocument>(),
        symbols: new Array<SymbolDocument>()
      }
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), async (list) => {
          const fold = new PartitionFold(FOLD, undefined, -Infinity)
          const stored: TradeDocument[] = []
          const deps = {
            metrics: consumerMetrics(createMetrics()),
            log: createLogger('consumer', 'silent'),
            ends: { noteRecord: () => undefined }
          }
          const trades = { add: (document: TradeDocument) => void stored.push(document) }
          const intake = new RecordIntake(0, OWNER, { fold, trades }, deps)
          list.forEach((one, offset) => {
            const [key, value] = [Buffer.from(one.symbol), Buffer.from(JSON.stringify(one))]
            if (decodeRecord(key, value).record !== undefined) accepted++
            intake.read(offset, key, value)
          })
          const side = intake.drain()
          assert.equal(JSON.stringify(side.dead).includes('record fails'), false)

          const specs = [{ timeframe: '1s', lookback: 5, horizon: 1 }]
          const forecasts = new MemoryForecasts(new ForecastEngine(specs))
          const closed = await closeBatch(fold, new MemoryBars(), [forecasts], {
            nextOffset: list.length,
            now: () => START_MS
          })
          const scores = {
            due: closed.forecasts.flatMap(({ series }) => [...series]),
            unscoredFrom: null
          }
          const documents = batchDocuments(closed, scores, OWNER, 'feed')
          const bars = [...documents.bars.fresh, ...documents.bars.changed]
          const all = [
            ...stored,
            ...side.late,
            ...side.symbols.map((one) => ({ ...one, firstSeenAt: new Date() })),
            ...bars,
            ...documents.forecasts.fresh,
            ...documents.series,
            ...documents.scores,
            { _id: 'raw_data/0', state: closed.state }
          ]
          for (const document of all) {
            assertFinite(throughBson(document))
            assert.deepEqual(JSON.stringify(throughBson(document)), JSON.stringify(document))
          }
          for (const { value } of barRecordsOf(bars)) {
            assertFinite(JSON.parse(value))
            assert.equal(value.includes('\ufffd'), JSON.stringify(list).includes('\ufffd'))
          }
          for (const document of bars) {
            assert.ok(document.end.getTime() < Date.UTC(10_000, 0, 1), document._id)
            assert.match(document.tradeDate, /^\d{4}-\d{2}-\d{2}$/)
            const read = throughBson(document)
            const restored = /[tv]$|usd$/.test(document.timeframe)
              ? storedActivityBarOf(read, OWNER)
              : storedBarOf(read, OWNER)
            assert.equal(restored.accumulator.tradeCount, document.tradeCount)
          }
          const back = new PartitionFold(
            FOLD,
            throughBson({ state: closed.state }).state,
            -Infinity
          )
          assert.deepEqual(JSON.stringify(back.toState()), JSON.stringify(closed.state))

          answer.bars.push(...bars.map((one) => throughBson(one)))
          answer.trades.push(...stored.map((one) => throughBson(one)))
          answer.late.push(...side.late.map((one) => throughBson(one)))
          answer.symbols.push(...side.symbols.map((one) => ({ ...one, firstSeenAt: new Date(0) })))
        }),
        { numRuns: 40 }
      )
      assert.ok(accepted > 20, `${accepted} records were accepted`)
      const parts = {
        bars: async () => answer.bars,
        trades: async () => answer.trades,
        lateTrades: async () => answer.late,
        symbols: async () => answer.symbols
      }
      assertFinite(await rowsOf('/api/v1/bars', parts, answer.bars.length))
      assertFinite(await rowsOf('/api/v1/late-trades', parts, answer.late.length))
      await rowsOf('/api/v1/symbols', parts)
      const rows = answer.trades.slice(-100)
      const range = `from=0&to=${LAST_MS + 1}&limit=100`
      await rowsOf(`/api/v1/trades?${range}`, { trades: async () => rows }, rows.length)
    }
  )
})
