import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barEvents, forecastEvents, TradeEvents } from '@tapedeck/api/testing'
import {
  encodeGapRecord,
  encodeTradeRecord,
  objectMaker,
  PartitionFold,
  PUBLISHED_BAR,
  type TradeRecord
} from '@tapedeck/domain'
import { partitionOf } from '@tapedeck/kafka'
import { publishedForecast, tradeDocument } from '@tapedeck/mongo'
import { STREAM_ROWS } from '@tapedeck/client/rows'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { GOLDEN_DOCUMENT } from '../../../support/golden-bar.ts'
import { aForecast } from '../../../support/market-documents.ts'
import { aGap, aRecord, aTrade, records } from '../../../support/trades.ts'

const PLACEMENT = 6
const RULES = {
  policy: 'feed',
  futureLimitMs: 60_000,
  redelivered: 'drop',
  placement: PLACEMENT
} as const

function read(
  events: TradeEvents,
  record: TradeRecord,
  offset = 0,
  partition = partitionOf(record.symbol, PLACEMENT)
) {
  const { key, value } = encodeTradeRecord(record)
  return events.read(partition, offset, Buffer.from(key), Buffer.from(value))
}

describe('TradeEvents', () => {
  it('has the rows of the trades that are stored', () => {
    fc.assert(
      fc.property(records(), (list) => {
        const events = new TradeEvents(RULES)
        const fold = new PartitionFold(
          {
            timeframes: ['1m'],
            policy: 'feed',
            allowedDelayMs: 2000,
            latenessLimitMs: 86_400_000,
            futureLimitMs: 60_000,
            redelivered: 'drop'
          },
          undefined,
          -Infinity
        )
        list.forEach((record, offset) => {
          const rows = (read(events, record, offset)?.rows ?? []).map(
            (row) => JSON.parse(row) as object
          )
          const stored = (fold.take(record, offset) ?? []).map((folded) => {
            const { _id: id, tradedAt, receivedAt, ...rest } = tradeDocument(record, folded)
            const time = tradedAt.getTime()
            return {
              id,
              ...rest,
              time,
              tradedAt: tradedAt.toISOString(),
              receivedAt: receivedAt.getTime()
            }
          })
          assert.deepEqual(rows, stored)
        })
      })
    )
  })

  it('leaves out a record that was published twice, or on the wrong partition', () => {
    const events = new TradeEvents(RULES)
    assert.equal(read(events, aRecord())?.rows.length, 1)
    assert.equal(read(events, aRecord()), undefined)
    const wrong = (partitionOf('AAPL', PLACEMENT) + 1) % PLACEMENT
    assert.equal(read(events, aRecord({ frame: 2 }), 1, wrong), undefined)
    assert.equal(events.read(0, 0, null, Buffer.from('no record')), undefined)
  })

  it('leaves out trades from the future', () => {
    const receivedAt = 1_000_000
    const trades = [aTrade({ t: receivedAt + 60_001 }), aTrade({ t: receivedAt + 60_000 })]
    const event = read(new TradeEvents(RULES), aRecord({ receivedAt, trades }))
    assert.deepEqual(event?.ids, ['0mwv6bn8sff46-1-1'])
    assert.deepEqual(event?.span, [receivedAt + 60_000, receivedAt + 60_000])
  })

  it('has the price of the newest trade that sets one', () => {
    const trades = [
      aTrade({ t: 3000, p: 11 }),
      aTrade({ t: 4000, p: 12 }),
      aTrade({ t: 2000, p: 10 }),
      aTrade({ t: 5000, p: 13, c: ['3'] }) // an average price
    ]
    const event = read(new TradeEvents(RULES), aRecord({ trades }))
    assert.deepEqual(event?.last, { price: 12, timeMs: 4000 })
    const none = read(new TradeEvents(RULES), aRecord({ trades: trades.slice(3) }))
    assert.deepEqual([none?.ids.length, none?.last], [1, undefined])
  })

  it('leaves out a trade that the vendor delivered again, unless it counts again', () => {
    const first = aRecord({ trades: [aTrade({ i: 'v1' })] })
    const again = aRecord({ frame: 2, trades: [aTrade({ i: 'v1' }), aTrade({ i: 'v2' })] })
    const idsOf = (redelivered: 'drop' | 'keep'): unknown[] => {
      const events = new TradeEvents({ ...RULES, redelivered })
      return [read(events, first)?.ids, read(events, again, 1)?.ids]
    }
    const all = [['0mwv6bn8sff46-1-0'], ['0mwv6bn8sff46-2-0', '0mwv6bn8sff46-2-1']]
    assert.deepEqual(idsOf('keep'), all)
    assert.deepEqual(idsOf('drop'), [['0mwv6bn8sff46-1-0'], ['0mwv6bn8sff46-2-1']])
  })

  it('tells a gap once, though each partition has a copy, and again when it ends', () => {
    const events = new TradeEvents(RULES)
    const told = (toMs: number | null, partition: number): number => {
      const { key, value } = encodeGapRecord(aGap(1000, toMs))
      return events.read(partition, 0, Buffer.from(key), Buffer.from(value)) === undefined ? 0 : 1
    }
    assert.deepEqual([told(null, 0), told(null, 1), told(2000, 1), told(2000, 0)], [1, 0, 1, 0])
  })
})

describe('rows of the stream', () => {
  const ajv = new Ajv2020({ allowUnionTypes: true })
  /** What a row has that its schema does not say, or lacks. */
  const problemsOf = (channel: keyof typeof STREAM_ROWS, rows: readonly string[]): string => {
    const validate = ajv.compile(JSON.parse(JSON.stringify(STREAM_ROWS[channel])) as object)
    assert.ok(rows.length > 0)
    return rows
      .flatMap((row) => (validate(JSON.parse(row)) ? [] : [ajv.errorsText(validate.errors)]))
      .join('; ')
  }

  it('are those of their schemas, which clients have their types from', () => {
    const trades = read(new TradeEvents(RULES), aRecord())?.rows ?? []
    assert.equal(problemsOf('trades', trades), '')
    const { key, value } = encodeGapRecord(aGap(1000, null))
    const outage = new TradeEvents(RULES).read(0, 0, Buffer.from(key), Buffer.from(value))
    assert.equal(problemsOf('feed', outage?.rows ?? []), '')
    const names = { symbol: 'AAPL', timeframe: '1m', horizon: 1, model: 'linear-regression' }
    const published = (list: object): Buffer => Buffer.from(JSON.stringify({ ...names, ...list }))
    const bar = { ...objectMaker(PUBLISHED_BAR)(GOLDEN_DOCUMENT), source: SOURCE }
    const bars = barEvents(published({ bars: [bar] })).flatMap(({ rows }) => rows)
    assert.equal(problemsOf('bars', bars), '')
    const forecasts = [undefined, { error: 1, naiveError: 2 }].map((scored) => ({
      ...publishedForecast(aForecast('AAPL', 1, scored)),
      source: SOURCE
    }))
    const made = forecastEvents(published({ forecasts })).flatMap(({ rows }) => rows)
    assert.equal(problemsOf('forecasts', made), '')
  })
})

const SOURCE = { log: 'raw_data/3', epoch: 1, offset: 42 }

describe('barEvents()', () => {
  it('gives each bar of a record its key, its place and a row', () => {
    const bars = [{ id: 'AAPL|1m|60000', start: 60_000, close: 5, source: SOURCE }]
    const value = JSON.stringify({ version: 1, symbol: 'AAPL', timeframe: '1m', bars })
    const [event] = barEvents(Buffer.from(value))
    assert.deepEqual(event?.keys, ['bars|AAPL|1m', 'bars|*|1m'])
    assert.deepEqual([event?.partition, event?.offset, event?.id], [3, 42, 'AAPL|1m|60000'])
    assert.deepEqual(JSON.parse(event?.rows[0] ?? ''), {
      id: 'AAPL|1m|60000',
      symbol: 'AAPL',
      timeframe: '1m',
      time: 60_000,
      close: 5
    })
  })

  it('gives none for what is no such record', () => {
    for (const value of [null, Buffer.from('{'), Buffer.from('{}'), Buffer.from('null')]) {
      assert.deepEqual(barEvents(value), [])
    }
  })
})

describe('forecastEvents()', () => {
  it('reads no record of others, and never throws', () => {
    const odd = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .array(fc.oneof(fc.jsonValue(), fc.record({ source: fc.jsonValue() })))
        .map((list) => JSON.stringify({ bars: list, forecasts: list }))
    )
    fc.assert(
      fc.property(odd, (text) => {
        assert.deepEqual(
          [barEvents(Buffer.from(text)), forecastEvents(Buffer.from(text))],
          [[], []]
        )
      })
    )
  })

  it('names a forecast as its document is named', () => {
    const id = 'AAPL|1m|60000|3|linear-regression'
    const forecasts = [{ id, target: 60_000, forecast: 5, source: SOURCE }]
    const names = { symbol: 'AAPL', timeframe: '1m', horizon: 3, model: 'linear-regression' }
    const [event] = forecastEvents(Buffer.from(JSON.stringify({ version: 1, ...names, forecasts })))
    assert.deepEqual(event?.keys, ['forecasts|AAPL|1m', 'forecasts|*|1m'])
    assert.equal(event?.id, 'AAPL|1m|60000|3|linear-regression')
    assert.deepEqual(JSON.parse(event?.rows[0] ?? ''), {
      id: 'AAPL|1m|60000|3|linear-regression',
      ...names,
      time: 60_000,
      forecast: 5
    })
  })
})
