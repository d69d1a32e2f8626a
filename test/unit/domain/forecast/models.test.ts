import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FORECAST_MODELS } from '@tapedeck/domain'
import { fitLine, intervalHalf, Lookback, type Fit, type Point } from '@tapedeck/domain/testing'
import { exactLine } from './exact-line.ts'
import { near } from './price-walk.ts'

const SPEC = { timeframe: '1m', lookback: 20, horizon: 4 }

function fitOf(name: string, points: readonly Point[], lastClose: number, variance?: number): Fit {
  const model = FORECAST_MODELS.find((one) => one.name === name)
  const fit = model?.fit(new Lookback(points, lastClose, variance), SPEC)
  assert.ok(fit, `${name} makes a forecast`)
  return fit
}

/** Half a unit up each window, to 100. */
const RISING: readonly Point[] = Array.from({ length: 20 }, (_, i) => [i - 19, (i - 19) / 2])

describe('FORECAST_MODELS', () => {
  it('linear-regression continues its line', () => {
    const { forecast, interval } = fitOf('linear-regression', RISING, 100)
    assert.ok(Math.abs(forecast - 102) < 1e-12)
    assert.ok(interval && interval.lower <= forecast && interval.upper >= forecast)
  })

  it('linear-regression stores the line in prices', () => {
    const prices = [103, 99, 102, 105, 104, 100]
    const points = prices.map((close, i): Point => [i - 5, close - 100])
    const { forecast, parameters } = fitOf('linear-regression', points, 100)
    const { forecast: exact, ...line } = exactLine(
      prices.map((close, i) => ({ x: i - 5, close })),
      SPEC.horizon
    )
    near(forecast, exact, 100)
    assert.deepEqual(Object.keys(parameters).toSorted(), Object.keys(line).toSorted())
    for (const [name, value] of Object.entries(line)) near(parameters[name] ?? NaN, value, 1)
  })

  it('exponential follows the newest closes more', () => {
    const bent = RISING.map(([x, y]): Point => [x, x < -5 ? -2.5 : y])
    const [line, exponential] = ['linear-regression', 'exponential'].map(
      (name) => fitOf(name, bent, 100).parameters['slope'] ?? NaN
    )
    assert.ok(line !== undefined && exponential !== undefined && line < exponential)
  })

  it('shrunk stays at the last close when a random walk explains the slope', () => {
    assert.equal(fitOf('shrunk', RISING, 100, 5).forecast, 100)
    const still = RISING.map(([x]): Point => [x, 0])
    assert.equal(fitOf('shrunk', still, 100).forecast, 100)
  })

  it('shrunk follows a clear slope from the last close', () => {
    const { forecast } = fitOf('shrunk', RISING, 100, 0.25)
    assert.ok(Math.abs(forecast - (100 + 2 * (1 - (1.2 * 0.25) / 20 / 0.25))) < 1e-12)
  })

  it('makes no line of two closes', () => {
    for (const model of FORECAST_MODELS) {
      assert.equal(model.fit(new Lookback(RISING.slice(-2), 100), SPEC), undefined)
    }
  })

  it('has three models by name, the headline first', () => {
    assert.deepEqual(
      FORECAST_MODELS.map(({ name }) => name),
      ['linear-regression', 'exponential', 'shrunk']
    )
  })

  it('exponential continues the line of weights that decay by age', () => {
    const prices = [103, 99, 102, 105, 104, 100]
    const points = prices.map((close, i): Point => [i - 5, close - 100])
    const growth = Math.log(21 / 19)
    const line = fitLine(
      points,
      points.map(([x]) => Math.exp(growth * x))
    )
    assert.ok(line)
    const { forecast, parameters, interval } = fitOf('exponential', points, 100)
    near(forecast, 100 + line.intercept + 4 * line.slope, 1)
    near(parameters['slope'] ?? NaN, line.slope, 1)
    const half = intervalHalf(line, 4)
    near(interval?.lower ?? NaN, forecast - half, 1)
    near(interval?.upper ?? NaN, forecast + half, 1)
  })

  it('shrunk follows a falling price as it does a rising one', () => {
    const falling = RISING.map(([x, y]): Point => [x, -y])
    const { forecast } = fitOf('shrunk', falling, 100, 0.25)
    near(forecast, 100 - 2 * (1 - (1.2 * 0.25) / 20 / 0.25), 1)
  })
})
