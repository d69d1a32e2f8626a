const TIMEOUT_MS = 4000

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 }
const DAY_MS = 86_400_000
/** The assumed length of a counted window before there are bars. */
const COUNTED_MS = 60_000
/** Slots of the chart; candles of more slots would be too thin. */
const SLOTS = 96
const SPARE_SLOTS = 5
const TRADE_ROWS = 40
const BAR_TRADE_ROWS = 200
/** The api counts all trades of the bar, which takes seconds for a day's bar. */
const COUNTING_TIMEOUT_MS = 20_000
/** Outages in one chart at most. */
const GAPS = 100
const RATE_SPAN_MS = 180_000
/** With many symbols the small charts use longer bars, so that the number of bars stays low. */
const FEW_SYMBOLS = 12

/**
 * The distance from one bar to the next, ms: the length of a window, its hop (`5m/1m`), or for windows that
 * follow the trades (`100t`) the mean distance of the bars.
 */
export function windowMsOf(timeframe, bars = []) {
  if (timeframe === '1d' || timeframe === 'regular') return DAY_MS
  const found = /(?:^|\/)(\d+)([smh])$/.exec(timeframe)
  if (found !== null) return Number(found[1]) * UNIT_MS[found[2]]
  if (bars.length < 2) return COUNTED_MS
  return Math.max(1000, (bars.at(-1).time - bars[0].time) / (bars.length - 1))
}

async function ask(endpoint, parameters, timeoutMs = TIMEOUT_MS) {
  const response = await fetch(`/api/v1/${endpoint}?${new URLSearchParams(parameters)}`, {
    signal: AbortSignal.timeout(timeoutMs)
  })
  return answerOf(response)
}

/** The body of a successful answer; otherwise throws with the message of the api, or the status. */
async function answerOf(response) {
  const body = await response.json()
  if (response.ok) return body
  const error = new Error(body.error?.message ?? `status ${response.status}`)
  throw Object.assign(error, { status: response.status })
}

/** Adds (POST) or removes (DELETE) symbols with the token. */
export async function changeSymbols(method, path, token, body) {
  const headers = { authorization: `Bearer ${token}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const response = await fetch(`/api/v1/${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS)
  })
  return answerOf(response)
}

export function askSymbols() {
  return ask('symbols', {})
}

/** The trades of a bar, from the beginning or after another page. */
export function askBarTrades(id, after) {
  const parameters = { limit: BAR_TRADE_ROWS, ...(after !== undefined && { after }) }
  return ask(`bars/${encodeURIComponent(id)}/trades`, parameters, COUNTING_TIMEOUT_MS)
}

/** The state of the feed, in words. */
export function askFeed() {
  return ask('feed', {})
}

/**
 * The end of the chart: now, or the last trade when it is old (a recorded tape, a closed market), because a
 * chart up to now would be empty.
 */
function endOf(lastTradeAt, windowMs) {
  const nowMs = Date.now()
  if (lastTradeAt === null || nowMs - lastTradeAt < SLOTS * 0.5 * windowMs) return undefined
  return lastTradeAt + windowMs
}

/** Everything the page shows of one symbol; without a horizon there is no forecast of that timeframe. */
export async function askSymbol({ symbol, lastTradeAt }, { timeframe, horizon, model }) {
  const windowMs = windowMsOf(timeframe)
  const endMs = endOf(lastTradeAt, windowMs)
  const range = {
    from: (endMs ?? Date.now()) - SLOTS * windowMs,
    ...(endMs !== undefined && { to: endMs })
  }
  const ahead = endMs === undefined ? {} : { to: endMs + (SPARE_SLOTS + (horizon ?? 0)) * windowMs }
  const series = { symbol, timeframe, ...(horizon !== undefined && { horizon }) }
  const lastMs = lastTradeAt ?? Date.now()
  const [{ bars }, { forecasts }, { summary }, { scores }, { trades }, { gaps }] =
    await Promise.all([
      ask('bars', { symbol, timeframe, ...range, limit: SLOTS }),
      ask('forecasts', { ...series, model, ...range, ...ahead, limit: 2 * SLOTS }),
      ask('forecast-summary', { ...series, model }),
      ask('forecast-scores', series),
      ask('trades', {
        symbol,
        from: lastMs - 900_000,
        ...(endMs !== undefined && { to: lastMs + 1 }),
        limit: TRADE_ROWS
      }),
      ask('gaps', { ...range, limit: GAPS })
    ])
  return {
    bars,
    forecasts,
    summary: summary[0],
    scores,
    trades,
    gaps: gaps.filter(
      ({ id, log, symbols }) =>
        symbols.includes(symbol) ||
        // An outage of one partition concerns the symbol when its bars name the outage.
        (symbols.length === 0 && (log === null || bars.some(({ gapIds }) => gapIds.includes(id))))
    )
  }
}

/** Bars of all symbols for the small charts; `label` is the span of the change. */
export async function askSparklines(symbols) {
  const few = symbols.length <= FEW_SYMBOLS
  const timeframe = few ? '5s' : '1m'
  const spanMs = few ? 900_000 : 3_600_000
  const { bars } = await ask('bars', {
    timeframe,
    from: latestOf(symbols) - spanMs,
    limit: 10_000
  })
  return { bars: Map.groupBy(bars, ({ symbol }) => symbol), label: few ? '15 min' : '60 min' }
}

/** Trades per second of all symbols together, one value for each second. */
export async function askRates(symbols) {
  const endMs = latestOf(symbols)
  const { rates } = await ask('trade-rate', {
    from: endMs - RATE_SPAN_MS,
    to: endMs + 1000,
    limit: 10_000
  })
  const bySecond = new Map()
  for (const { time, tradesPerSecond } of rates) {
    bySecond.set(time, (bySecond.get(time) ?? 0) + tradesPerSecond)
  }
  const lastMs = Math.floor(endMs / 1000) * 1000
  return Array.from({ length: RATE_SPAN_MS / 1000 }, (_, index) => {
    const time = lastMs - RATE_SPAN_MS + (index + 1) * 1000
    return { time, rate: bySecond.get(time) ?? 0 }
  })
}

/** Now, or the last trade of any symbol when there was none for minutes. */
function latestOf(symbols) {
  const nowMs = Date.now()
  const latestMs = Math.max(0, ...symbols.map(({ lastTradeAt }) => lastTradeAt ?? 0))
  return latestMs === 0 || nowMs - latestMs < RATE_SPAN_MS ? nowMs : latestMs
}
