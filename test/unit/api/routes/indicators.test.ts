import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import { ema, sma } from '@tapedeck/domain/indicators'
import { apiOn } from '../reader-double.ts'

const START_MS = Date.UTC(2025, 0, 31, 15)
const MINUTE_MS = 60_000
const clock = { ...systemClock, now: () => START_MS + 300 * MINUTE_MS }
const CLOSES = Array.from({ length: 300 }, (_, index) => 100 + Math.sin(index) + index / 50)

interface Row {
  readonly symbol: string
  readonly time: number
  readonly indicator: string
  readonly line: string
  readonly value: number
}

/** Stored bars of two symbols; the second one costs twice as much. */
const app = apiOn(
  {
    async bars({ symbols = ['AAPL', 'MSFT'], timeframe, fromMs, toMs, limit }) {
      return symbols
        .flatMap((symbol) =>
          CLOSES.map((close, index) => ({
            symbol,
            timeframe,
            start: new Date(START_MS + index * MINUTE_MS),
            close: symbol === 'MSFT' ? 2 * close : close
          }))
        )
        .filter(({ start }) => +start >= fromMs && +start < toMs)
        .toSorted((a, b) => +a.start - +b.start)
        .slice(-limit) as unknown as BarFields[]
    }
  },
  clock
)

async function ask(query: string): Promise<Row[]> {
  const answer = await app.inject(`/api/v1/indicators?${query}`)
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<{ values: Row[] }>().values
}

describe('GET /api/v1/indicators', () => {
  it('gives values that do not depend on the range asked for', async () => {
    const from = START_MS + 250 * MINUTE_MS
    const rows = await ask(`symbol=AAPL&indicators=sma:20,ema:10&from=${from}`)
    assert.equal(rows.length, 100)
    for (const { time, indicator, line, value } of rows) {
      const whole = indicator === 'sma:20' ? sma(CLOSES, 20) : ema(CLOSES, 10)
      const expected = whole[(time - START_MS) / MINUTE_MS] ?? NaN
      assert.equal(line, 'value')
      assert.ok(Math.abs(value - expected) < 1e-7, `${indicator} ${value} ${expected}`)
    }
  })

  it('names the lines of an indicator with several, and keeps symbols apart', async () => {
    const rows = await ask('indicators=bollinger&limit=4')
    assert.deepEqual([...new Set(rows.map(({ indicator }) => indicator))], ['bollinger:20:2'])
    const of = (symbol: string, line: string): number[] =>
      rows.filter((row) => row.symbol === symbol && row.line === line).map(({ value }) => value)
    assert.equal(of('AAPL', 'upper').length, 2)
    of('MSFT', 'middle').forEach((value, at) => {
      assert.ok(Math.abs(value - 2 * (of('AAPL', 'middle')[at] ?? NaN)) < 1e-9)
    })
  })

  it('leaves out bars that have too few before them', async () => {
    const rows = await ask(`symbol=AAPL&indicators=sma:20&from=${START_MS}`)
    assert.equal(rows.length, CLOSES.length - 19)
    assert.equal(rows[0]?.time, START_MS + 19 * MINUTE_MS)
  })

  it('says what it expects instead of an indicator that there is not', async () => {
    const answer = await app.inject('/api/v1/indicators?indicators=sma:0')
    assert.equal(answer.statusCode, 400)
    const { message } = answer.json<{ error: { message: string } }>().error
    assert.match(message, /^indicators is 'sma:0', expected a list .*sma:length/)
  })
})
