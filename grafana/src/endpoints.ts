import { infinity, TIME_RANGE, type ColumnType } from './infinity.ts'

/** Rows that a panel requests at most, about as many as it has pixels; wider ranges show their newest part. */
const MOST_WINDOWS = '1500'

type Columns = Readonly<Record<string, ColumnType>>
type Target = ReturnType<typeof infinity>

const TIMEFRAME_AND_MODEL = {
  timeframe: '${timeframe}',
  horizon: '${horizon}',
  model: '${model}'
}

/**
 * The chosen symbol as a chart: bars, session VWAP, and forecasts up to those ahead of the last bar. Panels that differ in
 * their columns alone share the read of the api.
 */
export function chart(columns: Columns): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/chart',
    params: { symbol: '${symbol}', ...TIMEFRAME_AND_MODEL, ...TIME_RANGE, limit: MOST_WINDOWS },
    rows: 'chart',
    columns: { time: 'timestamp_epoch', ...columns }
  })
}

/** One row for each symbol, or for the chosen one: price, day, hour, forecast, feed. Whatever the range. */
export function watchlist(symbol: '${symbol}' | '*', columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/watchlist',
    params: { symbol, ...TIMEFRAME_AND_MODEL },
    rows: 'watchlist',
    columns
  })
}

/** The newest trades of the chosen symbol within the range, for people. */
export function tape(limit: string, columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/tape',
    params: { symbol: '${symbol}', ...TIME_RANGE, limit },
    rows: 'tape',
    columns
  })
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

/** Forecasts of the chosen symbol, timeframe, horizon and model, each at the start of its target bar. */
export function forecasts(columns: Columns): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/forecasts',
    params: {
      symbol: '${symbol}',
      ...TIMEFRAME_AND_MODEL,
      ...TIME_RANGE,
      limit: MOST_WINDOWS
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

/** Trades per second of the chosen symbol. */
export function tradeRate(): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/trade-rate',
    params: { symbol: '${symbol}', ...TIME_RANGE, limit: MOST_WINDOWS },
    rows: 'rates',
    columns: { time: 'timestamp_epoch', tradesPerSecond: 'number' }
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

/** The status of its feed that each producer reports, whatever the range. */
export function feeds(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/feed', rows: 'feeds', columns })
}

/** The checks of the alert rules, with their values and limits. */
export function alerts(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/alerts', rows: 'alerts', columns })
}

/** How far trades are stored, by partition. */
export function partitions(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/partitions', rows: 'partitions', columns })
}

/** As many intervals as a chart of a third of the page shows. */
const MOST_INTERVALS = '120'

/** What the services measure, over the range. */
export function flow(columns: Columns): Target {
  return infinity({
    format: 'timeseries',
    url: '/api/v1/flow',
    params: { ...TIME_RANGE, limit: MOST_INTERVALS },
    rows: 'flow',
    columns: { time: 'timestamp_epoch', ...columns }
  })
}

/** Each stage on the way of trades, now. */
export function flowStages(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/flow-stages', rows: 'stages', columns })
}

/** Each process whose metrics are read. */
export function flowProcesses(columns: Columns): Target {
  return infinity({ format: 'table', url: '/api/v1/flow-processes', rows: 'processes', columns })
}

/** As many runs as the panel shows without a scroll, and some more. */
const MOST_RUNS = '30'

/** The newest runs of flows and sequences. */
export function runs(columns: Columns): Target {
  return infinity({
    format: 'table',
    url: '/api/v1/batch/runs',
    params: { limit: MOST_RUNS },
    rows: 'runs',
    columns
  })
}
