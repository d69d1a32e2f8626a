import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SCORE_LABELS } from '@tapedeck/domain'
import type { ForecastScoreRow, SeriesQuery } from '@tapedeck/mongo'
import { aScore, someScores } from '../../../support/forecast-parts.ts'
import { apiOn } from '../reader-double.ts'

type Row = Readonly<Record<string, unknown>>

/** Answers of one route on some stored scores. */
async function answerOn(scores: readonly ForecastScoreRow[], path: string): Promise<Row> {
  const forecastScores = async ({ symbols, timeframe, horizon, model }: SeriesQuery) =>
    scores.filter(
      (one) =>
        (symbols?.includes(one.symbol) ?? true) &&
        [undefined, one.timeframe].includes(timeframe) &&
        [undefined, one.horizon].includes(horizon) &&
        [undefined, one.model].includes(model)
    )
  const answer = await apiOn({ forecastScores }).inject(`/api/v1/${path}`)
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json()
}

async function summaryOf(
  scores: readonly ForecastScoreRow[],
  query = 'symbol=AAPL&timeframe=1m&horizon=1'
): Promise<Row[]> {
  return (await answerOn(scores, `forecast-summary?${query}`))['summary'] as Row[]
}

async function verdictOf(parts: Parameters<typeof aScore>[3]): Promise<unknown> {
  const [row] = await summaryOf([aScore('AAPL', '1m', 1, parts)])
  return row?.['verdict']
}

describe('forecast-summary', () => {
  it('states the label with its numbers', async () => {
    assert.equal(
      await verdictOf({}),
      'worse than naive: MAE 0.021 against 0.015 over 700 forecasts, p 0.001'
    )
    assert.equal(
      await verdictOf({ label: SCORE_LABELS.better, p: 0.0002 }),
      'better than naive: MAE 0.021 against 0.015 over 700 forecasts, p below 0.001'
    )
    assert.equal(
      await verdictOf({ label: SCORE_LABELS.same, labelN: 64, p: null }),
      'not distinguishable: MAE 0.021 against 0.015 over 64 forecasts'
    )
    assert.equal(
      await verdictOf({ label: SCORE_LABELS.tooFew, labelN: 12, p: null, total: someScores(12) }),
      'too few scores: 12 of 128, MAE 0.021 against 0.015 so far'
    )
    assert.equal(
      await verdictOf({ label: SCORE_LABELS.tooFew, labelN: 0, p: null, total: someScores(0) }),
      'too few scores: 0 of 128'
    )
  })

  it('has a row for each horizon of FORECASTS, also before anything is stored', async () => {
    const rows = await summaryOf([], 'symbol=AAPL&timeframe=1m')
    assert.deepEqual(
      rows.map(({ horizon, label, scored, skill }) => ({ horizon, label, scored, skill })),
      [
        { horizon: 1, label: 'too few scores', scored: 0, skill: null },
        { horizon: 5, label: 'too few scores', scored: 0, skill: null }
      ]
    )
  })

  it('states that a timeframe or a horizon has no forecast', async () => {
    const scores = [aScore('AAPL', '1m', 1)]
    const [other] = await summaryOf(scores, 'symbol=AAPL&timeframe=1h')
    assert.deepEqual(
      { label: other?.['label'], verdict: other?.['verdict'], horizon: other?.['horizon'] },
      { label: 'no forecast', verdict: 'no forecast for this timeframe (FORECASTS)', horizon: null }
    )
    const [far] = await summaryOf(scores, 'symbol=AAPL&timeframe=1m&horizon=7')
    assert.equal(far?.['verdict'], 'no forecast 7 bars ahead (FORECASTS)')
  })

  it('keeps stored scores of a timeframe that is no longer in FORECASTS', async () => {
    const [row] = await summaryOf([aScore('AAPL', '1h', 2)], 'symbol=AAPL&timeframe=1h')
    assert.deepEqual(
      { horizon: row?.['horizon'], label: row?.['label'] },
      { horizon: 2, label: 'worse than naive' }
    )
  })

  it('has no row for a symbol that is neither configured nor forecast', async () => {
    assert.deepEqual(await summaryOf([], 'symbol=NOBODY'), [])
    const all = await summaryOf([aScore('OTHER', '5s', 12)], 'timeframe=5s')
    assert.deepEqual(
      all.map(({ symbol }) => symbol),
      ['AAPL', 'MSFT', 'OTHER']
    )
  })
})

describe('forecast-scores', () => {
  it('has one flat row for each series and model, with every number of every window', async () => {
    const { scores } = await answerOn([aScore('AAPL', '1m', 5)], 'forecast-scores')
    const [row = {}] = scores as Row[]
    assert.equal(row['name'], '1m +5 linear-regression')
    for (const stretch of ['last50', 'last500', 'day', 'total']) {
      assert.equal(row[`${stretch}CoverageBand`], 0.952)
      assert.equal(row[`${stretch}HitUpper`], 0.55)
    }
    assert.deepEqual(
      {
        last50N: row['last50N'],
        last500N: row['last500N'],
        dayN: row['dayN'],
        totalN: row['totalN']
      },
      { last50N: 50, last500N: 500, dayN: 300, totalN: 700 }
    )
  })

  it('returns every timeframe by default', async () => {
    const stored = [aScore('AAPL', '1m', 1), aScore('AAPL', '5s', 12)]
    const all = (await answerOn(stored, 'forecast-scores'))['scores'] as Row[]
    const one = (await answerOn(stored, 'forecast-scores?timeframe=5s'))['scores'] as Row[]
    assert.deepEqual({ all: all.length, one: one.length }, { all: 2, one: 1 })
  })

  it('nests the same for people, with the test of each window', async () => {
    const { symbol, scores } = await answerOn([aScore('AAPL', '1m', 5)], 'forecast-scores/AAPL')
    const [first] = scores as { last500: Row; day: Row; verdict: string }[]
    assert.equal(symbol, 'AAPL')
    assert.match(String(first?.verdict), /^worse than naive: /)
    assert.deepEqual(first?.last500['dieboldMariano'], { n: 500, statistic: 3.3, p: 0.001 })
    assert.equal(first.day['dieboldMariano'], null)
  })

  it('refuses a path that is no symbol, a horizon that is no number and an unknown model', async () => {
    const api = apiOn({})
    for (const [path, field] of [
      ['forecast-scores/A%7CB', 'symbol'],
      ['forecast-scores?horizon=0', 'horizon'],
      ['forecast-scores?horizon=1.5', 'horizon'],
      ['forecasts?model=linear', 'model'],
      ['forecasts?over=night', 'over'],
      ['forecast-summary?from=0', 'from']
    ]) {
      const answer = await api.inject(`/api/v1/${path}`)
      assert.equal(answer.statusCode, 400, path)
      assert.equal(answer.json<{ error: { field: string } }>().error.field, field, path)
    }
  })
})
