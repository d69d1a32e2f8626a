import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, messageOf, readEnv } from '@tapedeck/core'
import {
  DEFAULT_FORECASTS,
  forecastsVariable,
  seriesId,
  seriesOfId,
  specName,
  type ForecastSpec
} from '@tapedeck/domain'
import { targetWindow, windowLengthMs } from '@tapedeck/domain/testing'

function read(text: string): readonly ForecastSpec[] {
  return readEnv({ FORECASTS: text }, { FORECASTS: forecastsVariable() }).FORECASTS
}

function problemOf(text: string): string {
  let problem = ''
  assert.throws(
    () => read(text),
    (error) => {
      problem = messageOf(error)
      return hasCode(error, 'CONFIG_INVALID')
    }
  )
  return problem
}

describe('forecastsVariable()', () => {
  it('reads timeframe, lookback and horizon', () => {
    assert.deepEqual(read(' 1m:20:1, 1d:3:1000 '), [
      { timeframe: '1m', lookback: 20, horizon: 1 },
      { timeframe: '1d', lookback: 3, horizon: 1000 }
    ])
    assert.deepEqual(read(''), DEFAULT_FORECASTS)
    assert.deepEqual(DEFAULT_FORECASTS.map(specName), ['1m:20:1', '1m:60:5', '5s:60:12'])
    assert.equal(forecastsVariable().shown, '1m:20:1,1m:60:5,5s:60:12')
    assert.deepEqual(read('1m:1000:1,5s:3:1').map(specName), ['1m:1000:1', '5s:3:1'])
  })

  it('names every bad entry with what is expected', () => {
    const problem = problemOf(
      '1m, tick:20:1, 1m:2:1, 1m:1001:1, 5s:20:0, 5s:20:1001, regular:9:1, 7m:20:1'
    )
    for (const part of [
      "'1m' is no forecast, expected timeframe:lookback:horizon",
      "'tick:20:1' has timeframe 'tick', expected one such as",
      "'1m:2:1' has lookback 2, expected 3 to 1000",
      "'1m:1001:1' has lookback 1001",
      "'5s:20:0' has horizon 0, expected 1 to 1000",
      "'5s:20:1001' has horizon 1001",
      "'regular:9:1' has timeframe 'regular'",
      "'7m:20:1' has timeframe '7m'"
    ]) {
      assert.ok(problem.includes(part), `${part} missing in ${problem}`)
    }
  })

  it('refuses two forecasts that would be stored under one id', () => {
    assert.match(problemOf('1m:20:1,1m:60:1'), /'1m:60:1' repeats timeframe 1m and horizon 1/)
    assert.equal(read('1m:20:1,1m:20:5').length, 2)
  })
})

describe('forecastsVariable(), entry by entry', () => {
  const shape = 'is no forecast, expected timeframe:lookback:horizon such as 1m:20:1'
  const timeframe = (name: string) =>
    `has timeframe '${name}', expected one such as 5s, 1m, 1h or 1d`
  for (const [entry, problem] of [
    ['x', shape],
    [':20:1', shape],
    ['1m:20', shape],
    ['1m:20:1x', shape],
    ['1m:x:1', shape],
    ['1m:20:1:1', shape],
    ['100t:20:1', timeframe('100t')],
    ['5m/1m:20:1', timeframe('5m/1m')],
    ['regular:20:1', timeframe('regular')],
    ['7m:20:1', timeframe('7m')],
    ['1m:1001:1', 'has lookback 1001, expected 3 to 1000'],
    ['1m:20:1001', 'has horizon 1001, expected 1 to 1000']
  ] as const) {
    it(`refuses ${entry}`, () => {
      assert.ok(problemOf(entry).endsWith(`'${entry}' ${problem}`), problemOf(entry))
    })
  }
})

describe('seriesOfId()', () => {
  it('has the parts that the id was made of, whatever the symbol', () => {
    for (const symbol of ['AAPL', 'BINANCE:BTCUSDT', 'A|B']) {
      const id = seriesId(symbol, '1m', 5)
      assert.equal(id, `${symbol}|1m|5`)
      assert.deepEqual(seriesOfId(id), { symbol, timeframe: '1m', horizon: 5 })
    }
  })
})

describe('targetWindow()', () => {
  it('counts trading dates over weekends and holidays', () => {
    const at = (iso: string): number => Date.parse(iso)
    const friday = { startMs: at('2026-11-20T01:00:00Z'), endMs: at('2026-11-21T01:00:00Z') }
    for (const [horizon, from, to] of [
      [1, '2026-11-21T01:00:00Z', '2026-11-24T01:00:00Z'],
      [3, '2026-11-25T01:00:00Z', '2026-11-26T01:00:00Z'],
      [4, '2026-11-26T01:00:00Z', '2026-11-28T01:00:00Z']
    ] as const) {
      assert.deepEqual(targetWindow('AAPL', '1d', friday, horizon), {
        startMs: at(from),
        endMs: at(to)
      })
    }
  })

  it('counts windows on the clock', () => {
    assert.deepEqual(targetWindow('X:ONE', '5s', { startMs: 10_000, endMs: 15_000 }, 12), {
      startMs: 70_000,
      endMs: 75_000
    })
    assert.equal(windowLengthMs('90m'), 5_400_000)
    assert.throws(() => windowLengthMs('0m'), RangeError)
    assert.equal(targetWindow('X:ONE', '100t', { startMs: 0, endMs: 1 }, 1), undefined)
    assert.equal(windowLengthMs('5m/1m'), undefined)
    assert.equal(windowLengthMs('1d'), undefined)
  })
})
