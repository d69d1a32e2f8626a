import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import type { TapeQuery, TapeTrade } from '@tapedeck/mongo'
import { aBar, aTrade, T0_MS } from '../../../support/market-documents.ts'
import { apiOn } from '../reader-double.ts'

const HOUR_MS = 3_600_000
const ID = `AAPL|1h|${T0_MS}`

function tapeTrade(index: number): TapeTrade {
  const trade = {
    ...aTrade('AAPL', index),
    price: 100 + index,
    tradedAt: new Date(T0_MS + index)
  }
  const { price } = trade
  const print = { tMs: T0_MS + index, connection: 'c', sequence: 4096 + index, price }
  return { trade, print, exclusion: undefined }
}

interface Answer {
  readonly summary: { readonly trades: number; readonly isComplete: boolean }
  readonly check: { readonly isEqual: boolean | null; readonly text: string; readonly fields: [] }
  readonly trades: readonly { readonly roles: readonly string[] }[]
}

/** An hour's bar of ten trades, each of which takes so long to read. */
async function answerAt(msPerTrade: number): Promise<Answer> {
  let nowMs = T0_MS
  const clock: Clock = { now: () => nowMs, delay: () => Promise.reject(new Error('not used')) }
  const bar: BarFields = aBar('AAPL', '1h', HOUR_MS, 0, { tradeCount: 10 })
  const tape = async (
    { isForCounting = false }: TapeQuery,
    visit: (trade: TapeTrade) => boolean
  ): Promise<void> => {
    for (let index = 0; index < 10; index++) {
      if (isForCounting) nowMs += msPerTrade
      if (!visit(tapeTrade(index))) return
    }
  }
  const api = apiOn({ bar: async () => bar, tape }, clock)
  const answer = await api.inject(`/api/v1/bars/${encodeURIComponent(ID)}/trades`)
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<Answer>()
}

describe('counting the trades of a bar', () => {
  it('counts and checks all of them within the time limit', async () => {
    const { summary, check, trades } = await answerAt(999)
    assert.deepEqual(
      { trades: summary.trades, isComplete: summary.isComplete },
      { trades: 10, isComplete: true }
    )
    assert.equal(check.isEqual, false) // a bar of other trades
    assert.deepEqual(trades.at(0)?.roles, ['open', 'low'])
    assert.deepEqual(trades.at(-1)?.roles, ['high', 'close'])
  })

  it('ends in time, reports that it is incomplete, and checks nothing from a part of the trades', async () => {
    const { summary, check, trades } = await answerAt(3000)
    assert.deepEqual(
      { trades: summary.trades, isComplete: summary.isComplete },
      { trades: 3, isComplete: false }
    )
    assert.deepEqual(
      { isEqual: check.isEqual, fields: check.fields },
      { isEqual: null, fields: [] }
    )
    assert.match(
      check.text,
      /^not checked: its 10 trades .* the first 3 of its window were counted$/
    )
    assert.deepEqual(
      trades.map(({ roles }) => roles),
      [['open'], ...Array.from({ length: 9 }, () => [])]
    )
  })
})
