import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { ABSENCE_REASONS, specName, type TradeRecord } from '@tapedeck/domain'
import type { Database, ForecastDocument } from '@tapedeck/mongo'
import { Findings } from '../../programs/chaos/findings.ts'
import {
  checkForecasts,
  type ForecastCheck
} from '../../programs/chaos/forecasts/check-forecasts.ts'
import { readTopicTruth, type TopicTrade } from '../../programs/chaos/topic-truth.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { OwnScope, type Scope } from '../../support/scope.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

// Goal: every kind of thing that can be wrong with stored forecasts is found, and nothing else is.
// Method: the real consumer over a tape with a bell, quiet minutes, a late trade and a gap that is known late;
// then one document is changed at a time.

const MINUTE_MS = 60_000
/** 09:00 in New York. */
const START_MS = Date.UTC(2026, 2, 10, 13, 0, 0)
const MINUTES = 130
const SYMBOLS = ['AAPL', 'BINANCE:BTCUSDT'] as const
const SPECS = [{ timeframe: '1m', lookback: 20, horizon: 5 }]
const LATE_MINUTE = 100
const LATE_CLOSE = 229
/** Forecasts were made from this bar, and scored with it, before its gap was known. */
const GAP_MINUTE = 60
const NO_TRADE = { status: 'void', reason: 'no trade in the target bar' } as const
const NOW = new Date('2026-03-10T20:00:00Z')

const isQuiet = (minute: number): boolean => minute === 110 || minute === 111

function tape(): TradeRecord[] {
  const next = wholeNumbers(11)
  const records: TradeRecord[] = []
  const cents = new Map<string, number>(SYMBOLS.map((symbol) => [symbol, 23_000]))
  for (let minute = 0; minute < MINUTES; minute++) {
    for (const second of [5, 45]) {
      for (const symbol of SYMBOLS) {
        const price = (cents.get(symbol) ?? 0) + next(41) - 20
        cents.set(symbol, price)
        if (symbol === 'AAPL' && isQuiet(minute)) continue
        const t = START_MS + minute * MINUTE_MS + second * 1000
        const trades = [aTrade({ p: price / 100, t })]
        records.push(aRecord({ symbol, frame: records.length + 1, receivedAt: t + 30, trades }))
      }
    }
  }
  return records
}

interface Harness {
  readonly database: Database
  readonly truth: readonly TopicTrade[]
  readonly topic: string
}

async function forecastTape(t: Scope): Promise<Harness> {
  const { database, kafka, publish, publishGap, consumer } = await openMarket(t)
  const records = tape()
  await publish(records)
  const config = consumer({ FORECASTS: SPECS.map(specName).join(','), TIMEFRAMES: '1m' })
  const service = await inService(t, (context) => startConsumer(config, context))
  const newest = START_MS + (MINUTES - 1) * MINUTE_MS
  const isDone = async (): Promise<void> => {
    const open = { status: 'open', target: { $lt: new Date(newest) } } as const
    assert.ok((await database.forecasts.countDocuments({ status: 'scored' })) > 400)
    assert.equal(await database.forecasts.countDocuments(open), 0)
  }
  await eventually(isDone, { timeoutMs: 60_000 })
  const late = aTrade({ p: LATE_CLOSE, t: START_MS + LATE_MINUTE * MINUTE_MS + 59_000 })
  const receivedAt = START_MS + MINUTES * MINUTE_MS
  await publish([aRecord({ frame: records.length + 1, receivedAt, trades: [late] })])
  await eventually(async () => {
    assert.ok((await database.forecasts.countDocuments({ scoreRevision: 1 })) > 0)
  })
  const gapMs = START_MS + GAP_MINUTE * MINUTE_MS
  await publishGap({
    id: 'late',
    fromMs: gapMs + 10_000,
    toMs: gapMs + 40_000,
    symbols: ['AAPL']
  })
  await eventually(async () => {
    const voided = { status: 'void', target: new Date(gapMs), scoreRevision: 1 } as const
    assert.equal(await database.forecasts.countDocuments(voided), 3)
  })
  await service.stop()
  const { trades } = await readTopicTruth(kafka)
  return { database, truth: trades, topic: kafka.topic }
}

describe('the checks of forecasts', { timeout: 120_000 }, () => {
  const scope = new OwnScope()
  let harness: Harness

  before(async () => {
    harness = await forecastTape(scope)
  })

  async function check(): Promise<ForecastCheck & { readonly shown: readonly string[] }> {
    const findings = new Findings()
    const { database, truth, topic } = harness
    const options = { topic, specs: SPECS, allowedDelayMs: 2000 }
    const found = await checkForecasts(database, truth, options, findings)
    return { ...found, shown: findings.shown }
  }

  it('find nothing in a correct ledger', async () => {
    const { shown, found, ...counts } = await check()
    assert.deepEqual(shown, [])
    assert.deepEqual(new Set(Object.values(found)), new Set([0]))
    assert.equal(counts.series, SYMBOLS.length)
    assert.equal(counts.equalScores, counts.scores)
    assert.equal(counts.entries, counts.scored + counts.void + counts.open)
    assert.ok(counts.scored > 400 && counts.void > 0 && counts.open > 0 && counts.rewritten > 0)
    assert.equal(counts.unfitted + counts.unfollowed, 0)
    // Until as many closes came after the gap as a forecast needs.
    assert.equal(counts.undecided, 3 * 10)
  })

  const scored = { symbol: 'AAPL', horizon: 5, model: 'shrunk', status: 'scored' } as const
  const oneScored = async (): Promise<ForecastDocument> => {
    const found = await harness.database.forecasts.findOne(scored, { sort: { target: 1 }, skip: 9 })
    assert.ok(found !== null)
    return found
  }
  const set =
    (fields: (entry: ForecastDocument) => Partial<ForecastDocument>) =>
    async ({ forecasts }: Database): Promise<void> => {
      const entry = await oneScored()
      await forecasts.updateOne({ _id: entry._id }, { $set: fields(entry) })
    }
  const unresolved = {
    status: 'open',
    actual: null,
    actualRevision: -1,
    error: null,
    naiveError: null,
    driftError: null,
    inOls: null,
    inBand: null,
    scoredAt: null
  } as const

  type Change = (database: Database) => Promise<unknown>
  const changes: readonly [keyof ForecastCheck['found'], string, Change][] = [
    [
      'twice',
      'a second entry of one target',
      async ({ forecasts }) => forecasts.insertOne({ ...(await oneScored()), _id: 'copy' })
    ],
    [
      'origin',
      'a last close that was none',
      set(({ lastClose }) => ({ lastClose: lastClose + 1 }))
    ],
    ['origin', 'an offset before its trades', set(() => ({ madeAtOffset: 1 }))],
    ['origin', 'an offset that is not stored', set(() => ({ madeAtOffset: 1e6 }))],
    ['origin', 'a target too far', set(({ targetEnd }) => ({ target: targetEnd }))],
    ['origin', 'another lookback', set(() => ({ lookback: 21 }))],
    ['origin', 'a time before its trades', set(() => ({ createdAt: new Date(START_MS) }))],
    ['origin', 'a timing that its time denies', set(() => ({ timing: 'before' }))],
    ['origin', 'a series nobody asked for', set(() => ({ symbol: 'IBM' }))],
    ['line', 'another slope', set(({ slope }) => ({ slope: (slope ?? NaN) + 1e-4 }))],
    ['line', 'another forecast', set(({ forecast }) => ({ forecast: forecast + 1e-4 }))],
    ['line', 'another drift', set(({ drift }) => ({ drift: drift + 1e-4 }))],
    ['line', 'another scale', set(({ scale }) => ({ scale: (scale ?? 0) + 1e-4 }))],
    [
      'band',
      'a wider band',
      set(({ bandLower, bandUpper }) => ({
        bandLower: bandLower - 1e-4,
        bandUpper: bandUpper + 1e-4
      }))
    ],
    ['outcome', 'another actual', set(({ actual }) => ({ actual: (actual ?? 0) + 0.01 }))],
    ['outcome', 'another error', set(({ error }) => ({ error: (error ?? 0) + 0.01 }))],
    ['outcome', 'another naive error', set(() => ({ naiveError: 7 }))],
    ['outcome', 'a wrong flag', set(({ inBand }) => ({ inBand: inBand !== true }))],
    ['outcome', 'a revision its bar never had', set(() => ({ actualRevision: 3 }))],
    ['outcome', 'a rewrite that is not explained', set(() => ({ scoreRevision: 1 }))],
    [
      'outcome',
      'a void whose bar has a close',
      set(() => ({
        ...unresolved,
        status: 'void',
        reason: 'no trade in the target bar',
        scoredAt: NOW
      }))
    ],
    [
      'outcome',
      'a void for a gap that is none',
      async ({ forecasts }) =>
        forecasts.updateOne(NO_TRADE, { $set: { reason: 'target bar not covered by the feed' } })
    ],
    [
      'outcome',
      'a score without a bar',
      async ({ forecasts }) =>
        forecasts.updateOne(NO_TRADE, { $set: { status: 'scored', actual: 230 } })
    ],
    ['leftOpen', 'an entry whose time is over', set(() => unresolved)],
    [
      'hole',
      'an entry that is not there',
      async ({ forecasts }) => forecasts.deleteOne({ _id: (await oneScored())._id })
    ],
    [
      'hole',
      'an entry across the bell',
      async ({ forecasts }) => {
        const bellMs = START_MS + 30 * MINUTE_MS
        const { _id, ...entry } = await oneScored()
        const [madeFrom, target] = [new Date(bellMs - MINUTE_MS), new Date(bellMs + 4 * MINUTE_MS)]
        await forecasts.insertOne({ ...entry, _id: `${_id}x`, madeFrom, target })
      }
    ],
    [
      'absence',
      'bars without a reason',
      ({ forecastAbsences }) =>
        forecastAbsences.deleteOne({ symbol: 'AAPL', reason: ABSENCE_REASONS.session })
    ],
    [
      'absence',
      'a reason without a cause',
      ({ forecastAbsences }) =>
        forecastAbsences.updateOne(
          { reason: ABSENCE_REASONS.tooFew },
          { $set: { to: new Date(START_MS + 90 * MINUTE_MS) } }
        )
    ],
    [
      'state',
      'a state that counts one more',
      ({ forecastSeries }) =>
        forecastSeries.updateOne({}, { $inc: { 'state.models.1.board.total.0': 1 } })
    ],
    [
      'state',
      'a state behind its bars',
      ({ forecastSeries }) =>
        forecastSeries.updateOne({}, { $inc: { 'state.throughMs': -MINUTE_MS } })
    ],
    [
      'state',
      'a detector that took one twice',
      ({ forecastSeries }) =>
        forecastSeries.updateOne({}, { $inc: { 'state.models.0.detector.0': 1 } })
    ],
    [
      'state',
      'a close in use that is none',
      ({ forecastSeries }) => forecastSeries.updateOne({}, { $inc: { 'state.ring.3.1': 0.01 } })
    ],
    ['state', 'a state that is not there', ({ forecastSeries }) => forecastSeries.deleteOne({})],
    [
      'score',
      'a mean that is none',
      ({ forecastScores }) => forecastScores.updateOne({}, { $inc: { 'total.mae': 1e-6 } })
    ],
    [
      'score',
      'a rolling count that is behind',
      ({ forecastScores }) => forecastScores.updateOne({}, { $inc: { 'last50.n': -1 } })
    ],
    ['score', 'scores that are not there', ({ forecastScores }) => forecastScores.deleteOne({})]
  ]

  for (const [kind, what, change] of changes) {
    it(`find ${what}`, async () => {
      const { database } = harness
      const kept = await Promise.all(KEPT.map((name) => keep(database, name)))
      try {
        await change(database)
        const { found, shown } = await check()
        assert.ok(found[kind] > 0, `${JSON.stringify(found)}\n${shown.join('\n')}`)
      } finally {
        for (const restore of kept) await restore()
      }
    })
  }

  after(() => scope.end())
})

const KEPT = ['forecasts', 'forecastSeries', 'forecastScores', 'forecastAbsences'] as const

interface Whole {
  find(): { toArray(): Promise<{ readonly _id: string }[]> }
  deleteMany(): Promise<unknown>
  insertMany(documents: readonly { readonly _id: string }[]): Promise<unknown>
}

/** Reads a collection whole; answers how to put it back. */
async function keep(database: Database, name: (typeof KEPT)[number]): Promise<() => Promise<void>> {
  const collection = database[name] as unknown as Whole
  const documents = await collection.find().toArray()
  return async () => {
    await collection.deleteMany()
    await collection.insertMany(documents)
  }
}
