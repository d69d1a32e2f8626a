import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { autoTimeframe } from '../../../../services/api/src/routes/chart.ts'
import { T0_MS } from '../../../support/market-documents.ts'
import { app, DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS } from './seven-minutes.ts'

const TIMEFRAMES = ['1s', '5s', '1m', '5m/1m', '100t', '15m', '1h', 'regular', '1d']

interface Chart {
  readonly timeframe: string
  readonly chart: readonly Readonly<Record<string, number | null>>[]
}

describe('autoTimeframe()', () => {
  it('is the shortest with at most 1500 windows, or else the longest; hopping, activity and regular windows are never chosen', () => {
    const of = (ms: number): string => autoTimeframe({ fromMs: 0, toMs: ms }, TIMEFRAMES)
    assert.deepEqual(
      [10 * MINUTE_MS, HOUR_MS, DAY_MS, 10 * DAY_MS, 60 * DAY_MS, 365 * DAY_MS, 9999 * DAY_MS].map(
        of
      ),
      ['1s', '5s', '1m', '15m', '1h', '1d', '1d']
    )
    assert.equal(autoTimeframe({ fromMs: 0, toMs: 1 }, ['100t']), '1m')
  })
})

describe('/api/v1/chart', () => {
  const chart = async (parameters: string): Promise<Chart> =>
    (await app.inject(`/api/v1/chart?symbol=AAPL&${parameters}`)).json<Chart>()

  it('has the forecast of a bar on its row, and one ahead of the last bar on a row of its own', async () => {
    const { chart: rows } = await chart(`timeframe=1m&from=${T0_MS}&to=${NOW_MS}`)
    assert.deepEqual(
      rows.map(({ time, close, forecast }) => [(time! - T0_MS) / MINUTE_MS, close, forecast]),
      [
        [0, 100, null],
        [1, 101, null],
        [2, 102, 100.5],
        [3, 103, null],
        [4, null, 100.5]
      ]
    )
  })

  it('has the newest rows up to the limit, those of forecasts without a bar among them', async () => {
    const { chart: rows } = await chart(`timeframe=1m&from=${T0_MS}&to=${NOW_MS}&limit=2`)
    assert.deepEqual(
      rows.map(({ time, close }) => [(time! - T0_MS) / MINUTE_MS, close]),
      [
        [3, 103],
        [4, null]
      ]
    )
  })

  it('has a VWAP from the open of the session on, whatever the range', async () => {
    const { chart: rows } = await chart(
      `timeframe=1m&from=${T0_MS}&to=${T0_MS + 2 * MINUTE_MS}&fields=time,sessionVwap,vwapGap`
    )
    // The bar of -1 is the first of its session.
    const sums = [3000 / 99, 4000 / 100, 5000 / 101]
    const expected = [7000 / (sums[0]! + sums[1]!), 12_000 / (sums[0]! + sums[1]! + sums[2]!)]
    rows.forEach(({ sessionVwap, vwapGap }, at) => {
      assert.ok(Math.abs(sessionVwap! - expected[at]!) < 1e-9)
      assert.ok(Math.abs(vwapGap! - ((100 + at) / expected[at]! - 1)) < 1e-12)
    })
    assert.equal(rows.length, 2)
  })

  it('says which timeframe it chose, and refuses several symbols', async () => {
    assert.equal((await chart(`from=${T0_MS}&to=${T0_MS + DAY_MS}`)).timeframe, '1m')
    const refused = await app.inject('/api/v1/chart?symbol=AAPL,MSFT')
    assert.equal(refused.statusCode, 400)
    assert.match(refused.body, /symbol is a list, expected one symbol/)
  })
})
