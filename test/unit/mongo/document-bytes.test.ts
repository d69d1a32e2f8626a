import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PartitionFold, type TradeRecord } from '@tapedeck/domain'
import { barDocument, tradeDocument, type TradeDocument } from '@tapedeck/mongo'
import { BSON, DocumentBytes } from '@tapedeck/mongo/testing'
import { aForecast } from '../../support/market-documents.ts'
import { changedBars, flush } from '../../support/folding.ts'
import { records } from '../../support/trades.ts'

const text = fc.string({ unit: 'binary', maxLength: 60 })

function newFold(): PartitionFold {
  return new PartitionFold(
    {
      timeframes: ['1s', '1m', '1d', '3t'],
      policy: 'feed',
      allowedDelayMs: 2000,
      latenessLimitMs: 3_600_000,
      futureLimitMs: 60_000,
      redelivered: 'drop'
    },
    undefined,
    -Infinity
  )
}

/** Trades and bars that came of records with texts as hostile as a topic allows. */
async function documentsOf(list: readonly TradeRecord[], gapId: string) {
  const fold = newFold()
  const trades: TradeDocument[] = []
  list.forEach((record, offset) => {
    const folded = fold.take(record, offset) ?? []
    trades.push(...folded.map((one) => tradeDocument(record, one)))
  })
  const [first] = list
  for (let i = 0; i < 3; i++) {
    const span = { id: `${gapId}${i}`, fromMs: -Infinity, toMs: Infinity }
    fold.gaps.add({ ...span, feed: first?.feed ?? '', symbols: undefined })
  }
  const closed = await flush(fold)
  const context = { policy: 'feed', tradeDate: '2026-03-10', updatedAt: new Date() }
  const owner = { log: 'raw_data/0', epoch: 3 }
  const bars = [
    ...changedBars(closed).map((bar) => barDocument(bar, owner, context)),
    ...closed.activity.fresh.map(({ bar, ...span }) =>
      barDocument(bar, owner, { ...context, span })
    )
  ]
  return { trades, bars }
}

const letter = fc.integer({ min: 0, max: 0xffff })
/** Halves of a pair alone as well, as JSON may bring them. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.array(letter, { maxLength: 5 }).map((codes) => String.fromCharCode(...codes))
)
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, NaN, Infinity)
)
const anyDate = fc.oneof(
  fc.date(),
  fc
    .constantFrom(0, -1, 2 ** 32, 2 ** 32 - 1, -(2 ** 32), 8.64e15, -8.64e15, NaN)
    .map((ms) => new Date(ms))
)
/** What only the driver can write. */
const ofOtherKinds = fc.constantFrom(
  7n,
  new BSON.Decimal128('1.5'),
  new BSON.ObjectId('0123456789abcdef01234567'),
  Buffer.from('bytes'),
  /x/i,
  new Map([['a', 1]]),
  { toBSON: () => 5 },
  () => 1,
  Symbol('none')
)
const anyName = fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => !name.includes('\0'))
const { anyDocument } = fc.letrec<{ anyDocument: Record<string, unknown>; value: unknown }>(
  (tie) => ({
    anyDocument: fc.dictionary(anyName, tie('value'), { maxKeys: 8 }),
    value: fc.oneof(
      { maxDepth: 4 },
      anyText,
      anyNumber,
      anyDate,
      fc.boolean(),
      fc.constantFrom(null, undefined),
      ofOtherKinds,
      fc.array(tie('value'), { maxLength: 12 }),
      tie('anyDocument')
    )
  })
)

function byTheDriver(document: object): Buffer {
  return Buffer.from(BSON.serialize(document, { ignoreUndefined: false }))
}

describe('DocumentBytes', () => {
  const bytes = new DocumentBytes()
  const isAsByTheDriver = (documents: readonly object[]): void => {
    bytes.clear()
    for (const document of documents) bytes.write(document)
    assert.deepEqual(Buffer.from(bytes.written()), Buffer.concat(documents.map(byTheDriver)))
    assert.equal(bytes.length, bytes.written().length)
  }

  it('writes trades, bars and forecasts as the driver does', async () => {
    await fc.assert(
      fc.asyncProperty(
        records(8),
        text,
        text,
        text,
        fc.array(text),
        async (list, feed, name, gapId, codes) => {
          const hostile = list.map((record) => ({
            ...record,
            feed,
            symbol: record.symbol + name,
            connection: gapId,
            trades: record.trades.map((trade) => ({ ...trade, c: codes, i: name }))
          }))
          const { trades, bars } = await documentsOf(hostile, gapId)
          const correction = { rewrite: 1, was: 1.5, wasRevision: 1, reason: null, at: 5 }
          const forecast = aForecast(name, 1, undefined, {
            feed,
            reason: gapId,
            corrections: Array.from({ length: codes.length }, () => correction)
          })
          isAsByTheDriver([...trades, ...bars, forecast])
        }
      )
    )
  })

  it('writes any document as the driver does', () => {
    fc.assert(fc.property(fc.array(anyDocument, { maxLength: 20 }), isAsByTheDriver), {
      numRuns: 500
    })
  })

  it('refuses what the driver refuses, and goes on', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const deep = Array.from({ length: 30 }).reduce<object>((inner) => ({ inner }), {})
    for (const refused of [circle, { 'a\0b': 1 }]) {
      assert.throws(() => bytes.write(refused), /BSON|circular|null bytes/)
    }
    isAsByTheDriver([{ a: 1 }, deep, { b: 'x'.repeat(200_000) }])
  })
})
