import { Type, type Static, type TProperties, type TSchema } from 'typebox'

// Schemas of the rows of the stream, and the types that a client gets from them. The api answers, checks and documents by the
// same ones. A type that may be null is a list of types: OpenAPI 3.1 says it so, and the serialiser of Fastify checks each value of
// an `anyOf` against its schemas, which takes twice as long.

export const text = Type.String()
export const number = Type.Number()
export const whole = Type.Integer()
export const flag = Type.Boolean()
export const texts = Type.Unsafe<readonly string[]>(Type.Array(text))
export const textOrNull = orNull(text)
export const numberOrNull = orNull(number)
export const wholeOrNull = orNull(whole)
export const flagOrNull = orNull(flag)

/** The same schema for a value that may be null. */
export function orNull<T extends TSchema>(schema: T) {
  const { type } = schema as unknown as { readonly type: string }
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [type, 'null'] })
}

/** One of these texts. */
export function words<const T extends string>(...names: readonly T[]) {
  return Type.Unsafe<T>({ type: 'string', enum: names })
}

export function object<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

/** The fields of a trade, also at /api/v1/trades. Times are epoch ms. */
export const TRADE = {
  /** `<connection>-<frame>-<index>`; content never identifies a trade. */
  id: text,
  symbol: text,
  time: whole,
  /** `time` as ISO 8601. */
  tradedAt: text,
  price: number,
  size: number,
  /** Finnhub's codes; null when the feed sent none. */
  conditions: orNull(texts),
  session: text,
  /** YYYY-MM-DD */
  tradeDate: text,
  /** What its conditions let it do to a bar; null for a trade that was stored before this was. */
  eligible: textOrNull,
  receivedAt: whole,
  feed: text
}

/** The fields of a version of a bar: a newer one has the same id. Times are epoch ms, prices in the quote currency. */
const BAR = {
  id: text,
  symbol: text,
  timeframe: text,
  /** Start of its window, inclusive. */
  time: whole,
  /** End of its window, exclusive. */
  end: whole,
  status: words('provisional', 'final', 'revised'),
  revision: whole,
  revisionCause: textOrNull,
  open: numberOrNull,
  high: numberOrNull,
  low: numberOrNull,
  close: numberOrNull,
  volume: number,
  notional: number,
  vwap: numberOrNull,
  tradeCount: whole,
  lastTradeAt: whole,
  lateCount: whole,
  /** Share of the window in which the feed was up, 0 to 1. */
  coverage: numberOrNull,
  gapIds: texts,
  session: text,
  tradeDate: text,
  policy: text,
  feed: text
}

/** The fields of a version of a forecast of the close of one bar: a newer one has the same id. */
const FORECAST = {
  id: text,
  symbol: text,
  timeframe: text,
  /** In bars. */
  horizon: whole,
  model: text,
  /** Start of the bar whose close is forecast. */
  time: whole,
  targetEnd: whole,
  madeFrom: whole,
  lastClose: number,
  forecast: number,
  bandLower: numberOrNull,
  bandUpper: numberOrNull,
  bandFrom: textOrNull,
  status: words('open', 'scored', 'void'),
  reason: textOrNull,
  actual: numberOrNull,
  error: numberOrNull,
  naiveError: numberOrNull,
  inBand: flagOrNull,
  scoreRevision: wholeOrNull,
  createdAt: whole,
  feed: text
}

/** The fields of an outage of the feed as it begins, and again as it ends. */
const GAP = {
  kind: words('gap'),
  id: text,
  feed: text,
  from: wholeOrNull,
  to: wholeOrNull,
  isOpen: flag,
  cause: text,
  /** None: the whole feed. */
  symbols: texts,
  log: textOrNull
}

export const RUN_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export const TASK_STATE = words(
  'waiting',
  'ready',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'cancelled'
)

/** The fields of a run of a flow or a sequence, also at /api/v1/batch/runs. Times are epoch ms. */
export const RUN = {
  run: text,
  job: text,
  kind: words('flow', 'sequence'),
  state: words(...RUN_STATES),
  cause: text,
  schedule: textOrNull,
  occurrence: wholeOrNull,
  queuedAt: whole,
  startedAt: wholeOrNull,
  endedAt: wholeOrNull,
  /** Seconds from its start to its end, or to now; null before its start. */
  took: numberOrNull,
  error: textOrNull,
  /** Where a browser sees it. */
  page: text,
  /** Where a browser sees the report that it has published; null when it has none, or a later run has replaced it. */
  report: textOrNull
}

/** Where a task of a run stands; GET /api/v1/batch/runs/:run has its output and its attempts. Times are epoch ms. */
const TASK = object({
  task: text,
  state: TASK_STATE,
  attempt: whole,
  startedAt: wholeOrNull,
  endedAt: wholeOrNull
})

/** A run as the stream sends it: `tasks` are the first ones of `taskCount`, `error` is cut where it is long. */
const RUN_WITH_TASKS = {
  ...RUN,
  taskCount: whole,
  tasks: Type.Unsafe<readonly Readonly<Static<typeof TASK>>[]>(Type.Array(TASK))
}

/** The rows of the stream by channel. */
export const STREAM_ROWS = {
  trades: object(TRADE),
  bars: object(BAR),
  forecasts: object(FORECAST),
  feed: object(GAP),
  runs: object(RUN_WITH_TASKS)
}

type RowOf<C extends keyof typeof STREAM_ROWS> = Readonly<Static<(typeof STREAM_ROWS)[C]>>

/** A trade, as GET /api/v1/trades returns it too. */
export type TradeRow = RowOf<'trades'>
/** A version of a bar: a newer one has the same id. */
export type BarRow = RowOf<'bars'>
/** A version of a forecast of the close of one bar: a newer one has the same id. */
export type ForecastRow = RowOf<'forecasts'>
/** An outage of the feed as it begins, and again as it ends. */
export type GapRow = RowOf<'feed'>
/** A run with its tasks: a newer row of the same `run` replaces it. */
export type RunRow = RowOf<'runs'>
