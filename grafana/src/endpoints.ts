import { infinity, TIME_RANGE, type ColumnType } from './infinity.ts'

/** Rows that a panel requests at most; wider ranges show their newest part. */
const MOST_WINDOWS = '2000'
const MOST_RATES = '10000'

type Columns = Readonly<Record<string, ColumnType>>
type Target = ReturnType<typeof infinity>

const TIMEFRAME_AND_MODEL = {
  timeframe: '${timeframe}',
  horizon: '${horizon}',
  model: '${model}'
}

/** Bars of the chosen symbol, oldest first; of the chosen timeframe by default. */
export function bars(columns: Columns, timeframe = '${timeframe}'): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/bars',
    params: { symbol: '${symbol}', timeframe, ...TIME_RANGE, limit: MOST_WINDOWS },
    rows: 'bars',
    columns: { time: 'timestamp_epoch', ...columns }
  })
}

/**
 * Forecasts of the chosen symbol, timeframe, horizon and model, each at the start of its target bar. With
 * `isNewest` the newest one made in the range, however far ahead it looks.
 */
export function forecasts(columns: Columns, { refId = 'A', isNewest = false } = {}): Target {
  return infinity({
    refId,
    format: 'timeseries',
    url: '/api/v1/forecasts',
    params: {
      symbol: '${symbol}',
      ...TIMEFRAME_AND_MODEL,
      ...TIME_RANGE,
      ...(isNewest && { over: 'made' }),
      limit: isNewest ? '1' : MOST_WINDOWS
    },
    rows: 'forecasts',
    columns: { time: 'timestamp_epoch', ...columns }
  })
}

/** How the scored forecasts did, one row a symbol; `*` is every symbol. */
export function forecastSummary(symbol: '${symbol}' | '*', columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/forecast-summary',
    params: { symbol, ...TIMEFRAME_AND_MODEL },
    rows: 'summary',
    columns
  })
}

/** Scores of the chosen symbol: every timeframe, horizon and model, whatever the range. */
export function forecastScores(columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/forecast-scores',
    params: { symbol: '${symbol}' },
    rows: 'scores',
    columns
  })
}

/** The newest trades of the chosen symbol within the range. */
export function trades(limit: string, columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/trades',
    params: { symbol: '${symbol}', ...TIME_RANGE, limit },
    rows: 'trades',
    columns
  })
}

/** Trades per second of every symbol; the symbol becomes the label of a series. */
export function tradeRate(): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/trade-rate',
    params: { symbol: '*', ...TIME_RANGE, limit: MOST_RATES },
    rows: 'rates',
    columns: { time: 'timestamp_epoch', symbol: 'string', tradesPerSecond: 'number' }
  })
}

/** Trades of the chosen symbol that are in no bar, by age. */
export function lateAges(columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/late-ages',
    params: { symbol: '${symbol}', ...TIME_RANGE },
    rows: 'ages',
    columns
  })
}

/** Every symbol, configured or seen, whatever the range. */
export function symbols(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/symbols', rows: 'symbols', columns })
}

/** The status of its feed that each producer reports, whatever the range. */
export function feeds(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/feed', rows: 'feeds', columns })
}
