import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PartitionFold, type TradeRecord } from '@tapedeck/domain'
import {
  barBytes,
  barDocument,
  forecastBytes,
  tradeBytes,
  tradeDocument,
  documentBytes,
  type TradeDocument
} from '@tapedeck/mongo'
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

describe('the size bounds of documents', () => {
  it('are never below their exact sizes', async () => {
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
          for (const trade of trades) assert.ok(tradeBytes(trade) >= documentBytes(trade))
          for (const bar of bars) {
            assert.ok(bar.timeframe === '3t' || bar.gapIds.length === 3)
            assert.ok(barBytes(bar) >= documentBytes(bar))
          }
          const correction = { rewrite: 1, was: 1.5, wasRevision: 1, reason: null, at: 5 }
          const forecast = aForecast(name, 1, undefined, {
            feed,
            reason: gapId,
            corrections: Array.from({ length: codes.length }, () => correction)
          })
          assert.ok(forecastBytes(forecast) >= documentBytes(forecast))
        }
      )
    )
  })
})
