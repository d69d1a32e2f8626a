import type { Cell, Engine } from './engine.ts'

/** A symbol's row of the report; amounts in the quote currency, shares as fractions of 1. */
export interface SymbolDay {
  readonly symbol: string
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly vwap: number | null
  readonly volume: number
  readonly notional: number
  readonly trades: number
  readonly dayReturn: number | null
  readonly realisedVolatility: number | null
  readonly coverage: number | null
  readonly revisions: number
  readonly excluded: number
  readonly rounded: number
  readonly tradesPerMinute: number | null
  readonly medianSize: number | null
  readonly amihudPerMillion: number | null
  readonly rollSpread: number | null
  /** Closes over the date, a hundred points at most. */
  readonly path: readonly number[]
}

interface HalfHour {
  /** Minutes after midnight, New York. */
  readonly minuteOfDay: number
  readonly notional: number
  readonly trades: number
}

interface Pair {
  readonly symbol: string
  readonly other: string
  readonly correlation: number | null
  readonly n: number
}

/** The forecasts of one model over all symbols. */
export interface Skill {
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  readonly forecasts: number
  readonly scored: number
  /** Median over the symbols. */
  readonly skill: number | null
  readonly hitRate: number | null
  readonly bandCoverage: number | null
}

/** What the report shows of the market. */
export interface ReportData {
  readonly date: string
  readonly feeds: readonly string[]
  /** What was counted and checked; see trust-tape. */
  readonly facts: Readonly<Record<string, unknown>>
  /** By traded value, the greatest first. */
  readonly symbols: readonly SymbolDay[]
  readonly halfHours: readonly HalfHour[]
  readonly correlations: readonly Pair[]
  readonly skills: readonly Skill[]
}

/** Points of a path at most. */
const PATH_POINTS = 100

/** Reads what the report shows from the views `daily`, `liquidity`, `minutes`, ... */
export async function readReport(
  engine: Engine,
  date: string,
  facts: Readonly<Record<string, unknown>>
): Promise<ReportData> {
  const paths = await readPaths(engine)
  const days = await engine.rows(
    `select daily.*, liquidity.trades_per_minute, liquidity.median_size, liquidity.amihud_per_million,
      liquidity.roll_spread
    from daily left join liquidity on liquidity.symbol = daily.symbol
    order by daily.notional desc, daily.symbol`
  )
  const halves = await engine.rows(
    `select minute_of_day, sum(notional)::double as notional, sum(trade_count)::double as trades
    from volume_profile group by minute_of_day order by minute_of_day`
  )
  const pairs = await engine.rows('select * from correlation order by symbol, other')
  const skills = await engine.rows(
    `select timeframe, horizon, model, sum(forecasts)::double as forecasts, sum(scored)::double as scored,
      median(skill) as skill, median(hit_rate) as hit_rate, median(band_coverage) as band_coverage
    from forecast_skill group by timeframe, horizon, model order by timeframe, horizon, model`
  )
  const feeds = Array.isArray(facts['feeds']) ? facts['feeds'].map(String) : []
  return {
    date,
    feeds,
    facts,
    symbols: days.map((row) => symbolDay(row, paths)),
    halfHours: halves.map((row) => ({
      minuteOfDay: amount(row['minute_of_day']),
      notional: amount(row['notional']),
      trades: amount(row['trades'])
    })),
    correlations: pairs.map((row) => ({
      symbol: String(row['symbol']),
      other: String(row['other']),
      correlation: number(row['correlation']),
      n: amount(row['n'])
    })),
    skills: skills.map((row) => ({
      timeframe: String(row['timeframe']),
      horizon: amount(row['horizon']),
      model: String(row['model']),
      forecasts: amount(row['forecasts']),
      scored: amount(row['scored']),
      skill: number(row['skill']),
      hitRate: number(row['hit_rate']),
      bandCoverage: number(row['band_coverage'])
    }))
  }
}

function symbolDay(
  row: Readonly<Record<string, Cell>>,
  paths: ReadonlyMap<string, readonly number[]>
): SymbolDay {
  const symbol = String(row['symbol'])
  return {
    symbol,
    open: number(row['open']),
    high: number(row['high']),
    low: number(row['low']),
    close: number(row['close']),
    vwap: number(row['vwap']),
    volume: amount(row['volume']),
    notional: amount(row['notional']),
    trades: amount(row['trade_count']),
    dayReturn: number(row['day_return']),
    realisedVolatility: number(row['realised_volatility']),
    coverage: number(row['coverage']),
    revisions: amount(row['revisions']),
    excluded: amount(row['excluded_trades']),
    rounded: amount(row['rounded_trades']),
    tradesPerMinute: number(row['trades_per_minute']),
    medianSize: number(row['median_size']),
    amihudPerMillion: number(row['amihud_per_million']),
    rollSpread: number(row['roll_spread']),
    path: paths.get(symbol) ?? []
  }
}

async function readPaths(engine: Engine): Promise<Map<string, readonly number[]>> {
  const rows = await engine.rows(
    `select symbol, part, max_by(close, minute)::double as close
    from (
      select symbol, minute, close, ntile(${PATH_POINTS}) over (partition by symbol order by minute) as part
      from minutes where close is not null
    ) group by symbol, part order by symbol, part`
  )
  const paths = new Map<string, number[]>()
  for (const row of rows) {
    const symbol = String(row['symbol'])
    const path = paths.get(symbol) ?? []
    path.push(amount(row['close']))
    paths.set(symbol, path)
  }
  return paths
}

/** Null where there is none; what is no finite number counts as none. */
export function number(cell: Cell | undefined): number | null {
  if (cell === null || cell === undefined) return null
  const value = Number(cell)
  return Number.isFinite(value) ? value : null
}

export function amount(cell: Cell | undefined): number {
  return number(cell) ?? 0
}
