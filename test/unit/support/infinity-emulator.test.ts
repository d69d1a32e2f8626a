import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { interpolate, urlOf, type Target } from '../../support/infinity-emulator.ts'
import { buildFrame, longToWide, outerJoin } from '../../support/infinity-emulator-frame.ts'
import { drawPanel, type PanelJson } from '../../support/infinity-emulator-panels.ts'

// The emulator judges the panels, so its own strictness is tested: each of these is a wrong picture, or
// none, in Grafana.

const column = (name: string, type: string) => ({ selector: name, text: name, type })

const CANDLES = {
  title: 'Price',
  type: 'candlestick',
  options: {
    fields: { open: 'open', high: 'high', low: 'low', close: 'close', volume: 'volume' }
  }
} as unknown as PanelJson
const CANDLE_COLUMNS = [
  column('time', 'timestamp_epoch'),
  ...['open', 'high', 'low', 'close', 'volume'].map((name) => column(name, 'number'))
]

describe('buildFrame()', () => {
  it('orders columns by the alphabet and takes a missing value for null', () => {
    const columns = [column('time', 'timestamp_epoch'), column('close', 'number')]
    const frame = buildFrame('A', [{ time: 1 }, { time: 2, close: 3 }], columns)
    assert.deepEqual(
      frame.fields.map(({ name, values }) => ({ name, values })),
      [
        { name: 'close', values: [null, 3] },
        { name: 'time', values: [1, 2] }
      ]
    )
  })

  it('takes an undeclared column without a value for text, a declared one for what it is', () => {
    const columns = [column('a', ''), column('b', 'number')]
    const { fields } = buildFrame('A', [{ a: null, b: null }], columns)
    assert.deepEqual(
      fields.map(({ type }) => type),
      ['string', 'number']
    )
  })

  it('has no fields without rows', () => {
    assert.deepEqual(buildFrame('A', [], [column('a', 'number')]).fields, [])
  })

  it('refuses a column that no row has: it would always be empty', () => {
    const columns = [column('a', 'number'), column('b', 'number')]
    assert.throws(() => buildFrame('A', [{ a: 1 }, { a: 2 }], columns), /No row has 'b'/)
  })

  it('refuses a renamed column and a value of another type', () => {
    const renamed = [{ selector: 't', text: 'time', type: 'timestamp_epoch' }]
    assert.throws(() => buildFrame('A', [{ t: 1 }], renamed), /titled 'time'/)
    assert.throws(() => buildFrame('A', [{ a: 'x' }], [column('a', 'number')]), /expected a number/)
  })
})

describe('longToWide()', () => {
  const columns = [
    column('time', 'timestamp_epoch'),
    column('symbol', 'string'),
    column('rate', 'number')
  ]

  it('makes a series of each label, with null where it has no value', () => {
    const rows = [
      { time: 1, symbol: 'A', rate: 5 },
      { time: 1, symbol: 'B', rate: 6 },
      { time: 2, symbol: 'B', rate: 7 }
    ]
    const { fields } = longToWide(buildFrame('A', rows, columns))
    assert.deepEqual(
      fields.map(({ labels, values }) => ({ symbol: labels['symbol'], values })),
      [
        { symbol: undefined, values: [1, 2] },
        { symbol: 'A', values: [5, null] },
        { symbol: 'B', values: [6, 7] }
      ]
    )
  })

  it('refuses time that does not ascend or is missing', () => {
    const unordered = buildFrame('A', [at(2), at(1)], columns)
    assert.throws(() => longToWide(unordered), /ascending/)
    const untimed = buildFrame('A', [at(1), at(null)], columns)
    assert.throws(() => longToWide(untimed), /no time/)
  })
})

describe('urlOf()', () => {
  const source = {
    baseUrl: 'http://api:8080',
    variables: { symbol: 'BINANCE:BTC&X' },
    fromMs: 1,
    toMs: 2
  }
  it('fills in variables and times, encoded', () => {
    assert.equal(
      urlOf(target('/api/v1/bars'), source),
      'http://api:8080/api/v1/bars?symbol=BINANCE%3ABTC%26X&from=1'
    )
  })

  it('refuses another host, a variable that is not there and a macro of the browser', () => {
    assert.throws(() => urlOf(target('@evil/bars'), source), /not allowed/)
    assert.throws(() => urlOf(target('/bars', '$other'), source), /not a variable/)
    assert.throws(() => urlOf(target('/bars', '${__from}'), source), /not a macro/)
  })

  it('lists several values only when asked to', () => {
    assert.equal(interpolate('${s:csv}', { s: ['A', 'B'] }), 'A,B')
    assert.throws(() => interpolate('$s', { s: ['A', 'B'] }), /csv/)
  })
})

describe('drawPanel()', () => {
  const candle = { time: 1, open: 2, high: 3, low: 1, close: 2, volume: 4 }

  it('counts candles and passes over moments without one', () => {
    const bars = buildFrame('A', [candle, { ...candle, time: 2 }], CANDLE_COLUMNS)
    const forecasts = buildFrame(
      'B',
      [{ time: 3, forecast: 9 }],
      [column('time', 'timestamp_epoch'), column('forecast', 'number')]
    )
    assert.equal(drawPanel(CANDLES, [bars, forecasts]), 2)
    assert.deepEqual(outerJoin([bars, forecasts]).fields.at(-1)?.values, [null, null, 9])
  })

  it('refuses a candle whose high is below its close, and a half one', () => {
    assert.throws(() => drawCandle({ ...candle, high: 1.5 }), /expected high and low outside/)
    assert.throws(() => drawCandle({ ...candle, close: null }), /has no open, high, low or close/)
  })

  it('wants one text of a bar chart for its categories and numbers beside it', () => {
    const panel = {
      title: 'Ages',
      type: 'barchart',
      options: { xField: 'age' }
    } as unknown as PanelJson
    const draw = (...names: readonly string[]): number => {
      const columns = names.map((name) => column(name, name === 'late' ? 'number' : 'string'))
      return drawPanel(panel, [buildFrame('A', [{ age: 'old', late: 2, why: 'x' }], columns)])
    }
    assert.equal(draw('age', 'late'), 1)
    assert.throws(() => draw('late'), /no text for its categories/)
    assert.throws(() => draw('age'), /nothing beside/)
    assert.throws(() => draw('age', 'late', 'why'), /why beside/)
  })

  it('shows nothing for no rows', () => {
    assert.equal(drawPanel(CANDLES, [buildFrame('A', [], CANDLE_COLUMNS)]), 0)
  })
})

function target(url: string, value = '${symbol}'): Target {
  return {
    refId: 'A',
    type: 'json',
    source: 'url',
    parser: 'backend',
    format: 'table',
    url,
    url_options: {
      method: 'GET',
      params: [
        { key: 'symbol', value },
        { key: 'from', value: '${__timeFrom}' }
      ]
    },
    root_selector: 'rows',
    columns: []
  }
}

function drawCandle(row: object): number {
  return drawPanel(CANDLES, [buildFrame('A', [row], CANDLE_COLUMNS)])
}

function at(time: number | null): object {
  return { time, symbol: 'A', rate: 1 }
}
