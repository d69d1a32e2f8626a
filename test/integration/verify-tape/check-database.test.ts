import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { BarDocument, Database } from '@tapedeck/mongo'
import { barProblems } from '../../programs/bars/bar-problems.ts'
import { BarRecount } from '../../programs/bars/expected-bars.ts'
import {
  checkDatabase,
  storedTrades,
  type DatabaseCheckOptions
} from '../../programs/verify-tape/check-database.ts'
import { computeReferenceBars } from '../../programs/verify-tape/reference-bars.ts'
import { readTapeTotals } from '../../programs/verify-tape/tape-totals.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { OwnScope, type Scope } from '../../support/scope.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

// Goal: every field of a stored bar is compared, and nothing else is found.
// Method: the real consumer over a minute around the opening bell, with late trades and outages; then one
// thing is changed at a time.

const TIMEFRAMES = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d', 'regular']
/** Half a minute before the opening bell in New York. */
const START_MS = Date.UTC(2026, 2, 10, 13, 29, 30)
const TRADES = 60
const ALLOWED_DELAY_MS = 2000

interface Harness {
  readonly database: Database
  readonly options: DatabaseCheckOptions
}

async function consumedTape(scope: Scope): Promise<Harness> {
  const market = await openMarket(scope)
  const trades = Array.from({ length: TRADES }, (_, i) =>
    aTrade({
      p: 100 + ((i * 5) % 7) / 100,
      t: START_MS + ((i * 7919) % TRADES) * 900,
      v: 0.1 * (1 + (i % 3))
    })
  )
  const tape = path.join(market.env['TAPEDECK_DATA_DIR'] ?? '', 'tape.ndjson')
  await writeFile(tape, trades.map((trade) => JSON.stringify({ s: 'AAPL', ...trade })).join('\n'))
  await market.publish(trades.map((trade, i) => aRecord({ trades: [trade], frame: i + 1 })))
  await market.publishGap({ id: 'g1', fromMs: START_MS + 20_000, toMs: START_MS + 33_000 })
  await market.publishGap({ id: 'g3', fromMs: null, toMs: START_MS + 3000, symbols: ['AAPL'] })
  await market.publishGap({ id: 'g4', fromMs: START_MS, toMs: START_MS + 9000, symbols: ['MSFT'] })
  const config = market.consumer({
    CONDITION_POLICY: 'all',
    TIMEFRAMES: TIMEFRAMES.join(','),
    ALLOWED_DELAY: `${ALLOWED_DELAY_MS}ms`
  })
  const service = await inService(scope, (context) => startConsumer(config, context))
  const { database, env, kafka } = market
  await eventually(async () => {
    assert.equal(await database.trades.countDocuments(), TRADES)
    assert.equal(await database.bars.countDocuments({ timeframe: '5s', gapIds: 'g1' }), 3)
    const open = { timeframe: '1s', status: 'provisional' } as const
    assert.equal(await database.bars.countDocuments(open), 0)
  })
  await market.publishGap({ id: 'g2', fromMs: START_MS + 30_500, toMs: START_MS + 34_000 })
  await eventually(async () => {
    assert.equal(await database.bars.countDocuments({ timeframe: '5s', gapIds: 'g2' }), 1)
  })
  assert.ok(await service.stop())
  return {
    database,
    options: {
      mongoUri: env['MONGODB_URI'] ?? '',
      database: env['MONGODB_DB'] ?? '',
      topic: kafka.topic,
      totals: await readTapeTotals(tape, 'drop'),
      reference: await computeReferenceBars(tape),
      timeframes: TIMEFRAMES,
      allowedDelayMs: ALLOWED_DELAY_MS
    }
  }
}

/** What the moment of a flush decides can only be held within bounds: a value outside of them. */
const OUT_OF_BOUNDS: Readonly<Record<string, unknown>> = {
  updatedAt: new Date(0),
  revision: -1,
  lateCount: -1,
  epoch: 0,
  offset: -1
}

/** The value of a field, changed as little as a wrong program would. */
function changed(field: string, value: unknown): unknown {
  if (field in OUT_OF_BOUNDS) return OUT_OF_BOUNDS[field]
  if (value instanceof Date) return new Date(value.getTime() - 1)
  if (value === -Infinity) return 0
  if (typeof value === 'number') return Number.isInteger(value) ? value + 1 : value * (1 + 1e-9)
  if (typeof value === 'string') return /^\d+$/.test(value) ? `${BigInt(value) + 1n}` : `${value}x`
  if (Array.isArray(value)) return value.length === 0 ? ['x'] : value.slice(1)
  return value === null ? 1 : null
}

/** Every change of one field of a document, of nested ones too, with the path of the field. */
function changesOf<T extends object>(
  document: T
): { readonly field: string; readonly changed: T }[] {
  return Object.entries(document).flatMap(([field, value]: [string, unknown]) => {
    const isNested = typeof value === 'object' && value !== null && !(value instanceof Date)
    const nested = isNested
      ? changesOf(value).map((one) => ({
          field: `${field}.${one.field}`,
          changed: {
            ...document,
            [field]: Array.isArray(value) ? Object.values(one.changed) : one.changed
          }
        }))
      : []
    const own = { field, changed: { ...document, [field]: changed(field, value) } }
    return isNested && !Array.isArray(value) ? nested : [own, ...nested]
  })
}

describe('checkDatabase()', { timeout: 60_000 }, () => {
  const scope = new OwnScope()
  let harness: Harness

  before(async () => {
    harness = await consumedTape(scope)
  })

  after(() => scope.end())

  it('holds for what the consumer stored', async () => {
    const found = await checkDatabase(harness.options)
    assert.deepEqual(found.differences, [])
    assert.ok(found.holds)
    assert.ok(found.windows > 60)
    assert.equal(found.wrongBars, 0)
  })

  it('rests on late trades, revisions of both causes, mixed sessions and every kind of coverage', async () => {
    const { bars } = harness.database
    for (const condition of [
      { lateCount: { $gt: 1 } },
      { revisionCause: 'late trades' },
      { revisionCause: 'feed gap' },
      { session: 'mixed' },
      { session: 'pre' },
      { coverage: null },
      { coverage: { $gt: 0, $lt: 1 } },
      { coverage: 1 },
      { inferredDownVolume: { $gt: 0 } },
      { realisedVolatility: { $gt: 0 } }
    ] as const) {
      assert.ok((await bars.countDocuments(condition)) > 0, JSON.stringify(condition))
    }
  })

  it('finds the least change of any field of a bar', async () => {
    const { database, options } = harness
    const recount = new BarRecount(await storedTrades(database), ALLOWED_DELAY_MS)
    const gaps = await database.feedGaps.find().toArray()
    const facts = { gaps, topic: options.topic }
    for (const timeframe of ['5s', '1d']) {
      const expected = recount.bars(timeframe)
      for await (const bar of database.bars.find({ timeframe })) {
        const wanted = expected.get(bar._id)
        assert.ok(wanted !== undefined)
        assert.deepEqual(barProblems(bar, wanted, facts), [])
        for (const change of changesOf<BarDocument>(bar)) {
          const [field = ''] = change.field.split('.')
          // Which versions of a bar were stored depends on the flushes.
          if (field === 'versions') continue
          const found = barProblems(change.changed, wanted, facts)
          assert.ok(
            found.some((problem) => problem.startsWith(`${field} `)),
            `${bar._id}: ${change.field} was changed to ${JSON.stringify(change.changed[field as keyof BarDocument])}`
          )
        }
        const more = { ...bar, colour: 'red' }
        assert.deepEqual(barProblems(more, wanted, facts), [
          'colour is stored, expected no such field'
        ])
      }
    }
  })

  it('names a bar that is different and one that is missing, and no other', async () => {
    const { database, options } = harness
    const bar = await database.bars.findOne({ timeframe: '5s' })
    // The least that a double can be off.
    const volume = (bar?.volume ?? 0) * (1 + Number.EPSILON)
    await database.bars.updateOne({ _id: bar?._id ?? '' }, { $set: { volume } })
    await database.bars.deleteOne({ timeframe: '15m' })
    const [different, missing, ...others] = (await checkDatabase(options)).differences
    assert.match(different ?? '', /^bar AAPL\|5s\|\d+: volume/)
    assert.match(missing ?? '', /^bar AAPL\|15m\|\d+: is not stored/)
    assert.deepEqual(others, [])
  })

  it('names a trade that is missing', async () => {
    const { database, options } = harness
    await database.trades.deleteOne({})
    const { holds, differences } = await checkDatabase(options)
    assert.ok(!holds)
    assert.match(differences[0] ?? '', /59 trades stored, expected 60/)
  })
})
