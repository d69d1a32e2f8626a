import { hasCode, type Clock } from '@tapedeck/core'
import {
  BAR_FIELDS,
  eligibilityText,
  finalAt,
  objectMaker,
  parseTradeId,
  precedes,
  PUBLISHED_BAR,
  windowsAt,
  windowSpec,
  type BarFieldKind,
  type BarFields,
  type ConditionPolicy,
  type Print,
  type Session,
  type Timeframe
} from '@tapedeck/domain'
import {
  BAR_COLUMNS,
  barRow,
  completeBar,
  tradeRow,
  type HistoryQuery,
  type TapeQuery,
  type TapeTrade
} from '@tapedeck/mongo'
import { Type, type Static, type TSchema } from 'typebox'
import {
  answers,
  flag,
  flagOrNull,
  invalidRequest,
  notFound,
  number,
  numberOrNull,
  object,
  orNull,
  rows,
  rowsOf,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull,
  words,
  type Routes,
  type RouteTools
} from '../http.ts'
import { LoadCache } from '../load-cache.ts'
import {
  anyOf,
  BAR_ID,
  DEFAULT_LIMIT,
  DEFAULT_WINDOWS,
  LIMIT,
  path,
  POSITION,
  positionText,
  query,
  SYMBOLS,
  TIME,
  TIMEFRAME_OR_WINDOW,
  timeRange,
  WINDOW,
  windowRange
} from '../query.ts'
import { loadShared, type Reader } from '../reader.ts'
import { BarAccount, policyOf, verdictOf, type BarSummary } from './bar-account.ts'
import { HISTORY, isPlain, nextOf, sendHistory, type History } from './history.ts'
import { TRADE } from './trades.ts'

const KINDS: Readonly<Record<BarFieldKind, TSchema>> = {
  text,
  texts,
  time: whole,
  price: number,
  amount: number,
  ratio: number,
  count: whole,
  flag,
  'bar status': words('provisional', 'final', 'revised')
}
/** The type stays open: the fields of a bar are those of a table. */
const BAR = Type.Unsafe<object>(
  object(
    Object.fromEntries(
      Object.entries(BAR_FIELDS).map(([name, { row, kind, isNullable }]) => [
        row ?? name,
        isNullable === true ? orNull(KINDS[kind]) : KINDS[kind]
      ])
    )
  )
)
const BARS = object({ bars: Type.Unsafe<readonly object[]>(Type.Array(BAR)), next: textOrNull })

const RULE = { code: text, name: text, hinders: text }
const BAR_TRADES = object({
  bar: BAR,
  window: object({ from: whole, to: whole, text }),
  summary: object({
    trades: whole,
    in: whole,
    out: whole,
    unhindered: whole,
    rules: rows({ ...RULE, trades: whole }),
    leftOut: rows({ reason: text, trades: whole }),
    isComplete: flag
  }),
  check: object({
    isEqual: flagOrNull,
    text,
    fields: rows({ field: text, bar: numberOrNull, trades: numberOrNull, isEqual: flag })
  }),
  trades: rows({
    ...TRADE,
    isIn: flag,
    counts: text,
    roles: texts,
    rules: rows(RULE),
    reason: textOrNull,
    byMs: wholeOrNull
  }),
  next: textOrNull
})
const BARS_QUERY = query({
  symbol: SYMBOLS,
  timeframe: TIMEFRAME_OR_WINDOW,
  window: WINDOW,
  origin: anyOf('utc or session', ['utc', 'session']),
  from: TIME,
  to: TIME,
  ...HISTORY
})
const ORIGIN_ALONE = { field: 'origin', message: 'origin is given without window, expected both' }
const PAGE = query({ limit: LIMIT, after: POSITION })

/** Rows: the trades of a day's bar, hundreds of thousands, are read in batches, but for many seconds. */
const COUNTING_COST = 10_000
/** Counts of a bar's trades are cached by the content of the bar, so that paging counts once. */
const SHARED_SUMMARIES = { ttlMs: 30_000, maxEntries: 200, maxWeight: 200 } as const

/** Routes for bars and for the trades of a bar. */
export function barRoutes(app: Routes, { reader, share, budget, clock }: RouteTools): void {
  const summaries = new LoadCache<BarSummary>({ ...SHARED_SUMMARIES, weigh: () => 1, clock })
  app.get(
    '/api/v1/bars',
    {
      schema: {
        summary: 'Bars of one timeframe, by the start of their window',
        querystring: BARS_QUERY,
        response: answers(BARS)
      }
    },
    async (request, reply) => {
      const {
        symbol: symbols,
        timeframe = '1m',
        window,
        origin,
        from,
        to,
        ...asked
      } = request.query
      if (window !== undefined) {
        const composed = await composedHistory(reader, request.query, window, clock.now())
        return sendHistory(request, reply, asked, composed, budget)
      }
      if (origin !== undefined) throw invalidRequest([ORIGIN_ALONE])
      const range = { symbols, timeframe, ...windowRange({ timeframe, from, to }, clock.now()) }
      if (!isPlain(request, asked)) {
        return sendHistory(request, reply, asked, barHistory(reader, range), budget)
      }
      const newest = { ...range, limit: asked.limit ?? DEFAULT_LIMIT }
      return share(
        reply,
        BARS,
        newest,
        async () => {
          const found = await reader.bars(newest)
          const hasMore = found.length === newest.limit
          const bars = await rowsOf(found, barRow)
          return { bars, next: hasMore ? nextOf(found[0], startOf) : null }
        },
        newest.limit
      )
    }
  )
  app.get(
    '/api/v1/bars/:id/trades',
    {
      schema: {
        summary: 'The trades of a bar, what each did to it, and the rules that excluded trades',
        params: path({ id: BAR_ID }),
        querystring: PAGE,
        response: answers(BAR_TRADES)
      }
    },
    async ({ params: { id }, query: { limit, after } }, reply) => {
      const asked = { id, limit, after }
      return share(
        reply,
        BAR_TRADES,
        asked,
        () => barTrades(reader, summaries, asked, clock),
        COUNTING_COST
      )
    }
  )
}

const startOf = ({ start }: BarFields): Date => start

/** The bars of a range as a history. */
function barHistory(
  reader: Pick<Reader, 'barHistory'>,
  range: Omit<HistoryQuery, 'order' | 'after'> & { readonly timeframe: Timeframe }
): History<BarFields> {
  return ofBars((part) => reader.barHistory({ ...range, ...part }))
}

function ofBars(read: History<BarFields>['read']): History<BarFields> {
  return {
    name: 'bars',
    columns: BAR_COLUMNS,
    read,
    rows: (names) => (bar) => {
      const row = barRow(bar)
      return Object.fromEntries(names.map((name) => [name, row[name]]))
    },
    timeOf: startOf
  }
}

/** The default range of windows that are merged from seconds, at most: they are all read. */
const MOST_DEFAULT_MS = 7 * 86_400_000

/** The windows of a request that are made of stored seconds, as a history. */
async function composedHistory(
  reader: Pick<Reader, 'composedBars' | 'secondsFrom'>,
  { symbol: symbols, timeframe, origin = 'utc', from, to }: Static<typeof BARS_QUERY>,
  lengthMs: number,
  nowMs: number
): Promise<History<BarFields>> {
  if (timeframe !== undefined) {
    const message = `timeframe is '${timeframe}' beside window, expected one of both`
    throw invalidRequest([{ field: 'timeframe', message }])
  }
  const spanMs = Math.min(DEFAULT_WINDOWS * lengthMs, MOST_DEFAULT_MS)
  const { fromMs, toMs } = timeRange({ from, to }, nowMs, { spanMs })
  const start = await reader
    .secondsFrom({ symbols, fromMs, toMs }, { nowMs, isAsked: from !== undefined })
    .catch((error: unknown) => {
      if (!hasCode(error, 'REQUEST_INVALID')) throw error
      throw invalidRequest([{ field: 'window', message: error.message }])
    })
  const range = { symbols, fromMs: start, toMs, window: { lengthMs, origin } }
  return {
    ...ofBars((part) => reader.composedBars({ ...range, ...part })),
    documentsPerRow: lengthMs / 1000
  }
}

const makePublished = objectMaker(PUBLISHED_BAR)

/** A bar as it is published on the topic `bars`. */
export function publishedBar(stored: BarFields): Record<string, unknown> {
  return makePublished(completeBar(stored))
}

/** Enough for a bar of ordinary size on a busy machine, and short enough for a person who waits. */
const COUNT_FOR_MS = 10_000

/**
 * Explains a bar: a page of its window's trades, each with what it did to the bar or why it is excluded.
 * The counts and the check cover all trades of the window, or say that they do not.
 *
 * @throws what sendFailure answers with 404 when there is no such bar
 */
async function barTrades(
  reader: Reader,
  summaries: LoadCache<BarSummary>,
  { id, limit, after }: Static<typeof PAGE> & { readonly id: string },
  clock: Clock
): Promise<Static<typeof BAR_TRADES>> {
  const bar = await reader.bar(id)
  if (bar === undefined) {
    throw notFound('id', `no bar '${id}' is stored, expected an id as /api/v1/bars answers it`)
  }
  const window = await windowOf(bar, reader)
  const counted = loadShared(summaries, versionOf(bar), () => summaryOf(reader, bar, window, clock))
  const [summary, page] = await Promise.all([
    counted,
    pageOf(reader, { ...window, ...(after !== undefined && { after }) }, limit)
  ])
  const { counts, check } = summary
  const policy = policyOf(bar)
  const last = page.rows.at(-1)
  return {
    bar: barRow(bar),
    window: { from: window.fromMs, to: window.toMs, text: window.text },
    summary: counts,
    check,
    trades: page.rows.map((one) => barTradeRow(one, policy, summary)),
    next: page.isLast || last === undefined ? null : positionText(last.print.tMs, last.trade._id)
  }
}

/** Counts trades in tape order until COUNT_FOR_MS is over. */
async function summaryOf(
  reader: Reader,
  bar: BarFields,
  window: BarWindow,
  clock: Clock
): Promise<BarSummary> {
  const account = new BarAccount(bar)
  const endMs = clock.now() + COUNT_FOR_MS
  let isComplete = true
  await reader.tape({ ...window, isForCounting: true }, (one) => {
    isComplete = clock.now() < endMs
    if (isComplete && window.holds(one)) account.take(one)
    return isComplete
  })
  return account.summary(isComplete)
}

async function pageOf(
  reader: Reader,
  window: BarWindow,
  limit: number
): Promise<{ readonly rows: readonly TapeTrade[]; readonly isLast: boolean }> {
  const page: TapeTrade[] = []
  let isLast = true
  await reader.tape(window, (one) => {
    if (!window.holds(one)) return true
    isLast = page.length < limit
    if (isLast) page.push(one)
    return isLast
  })
  return { rows: page, isLast }
}

function barTradeRow(one: TapeTrade, policy: ConditionPolicy, { rolesOf }: BarSummary) {
  const { leftOut, eligibility, rules } = verdictOf(one, policy)
  const isIn = leftOut === null
  return {
    ...tradeRow(one.trade),
    isIn,
    counts: isIn ? eligibilityText(eligibility) : 'nothing',
    roles: isIn ? rolesOf(one.print) : [],
    rules,
    reason: leftOut,
    byMs: one.exclusion?.byMs ?? null
  }
}

/** Identifies the content of a bar: equal until the bar changes. */
function versionOf(bar: BarFields): string {
  const { _id, status, revision, tradeCount, lateCount, volume, notional, close } = bar
  return JSON.stringify([_id, status, revision, tradeCount, lateCount, volume, notional, close])
}

/** The trades of a bar: those of a time range for which `holds` is true. */
interface BarWindow extends TapeQuery {
  holds(trade: TapeTrade): boolean
  /** In words, for people. */
  readonly text: string
}

/** The window of a stored bar, by the rules of the domain. */
async function windowOf(
  bar: BarFields,
  reader: Pick<Reader, 'nextFirstTrade'>
): Promise<BarWindow> {
  switch (windowSpec(bar.timeframe).kind) {
    case 'activity':
      return activityWindow(bar, await reader.nextFirstTrade(bar))
    case 'regular session':
      return regularSession(bar)
    default:
      return windowInTime(bar)
  }
}

function windowInTime({ symbol, start, end }: BarFields): BarWindow {
  return {
    symbol,
    fromMs: start.getTime(),
    toMs: end.getTime(),
    holds: () => true,
    text: `trades from ${start.toISOString()} until before ${end.toISOString()}`
  }
}

/** Closing prints come after the end; all other trades then belong to another session. */
function regularSession({ symbol, timeframe, start, end }: BarFields): BarWindow {
  const toMs = finalAt(timeframe, symbol, end.getTime())
  return {
    symbol,
    fromMs: start.getTime(),
    toMs,
    holds: ({ trade, print }) =>
      windowsAt(symbol, timeframe, print.tMs, trade.session as Session).some(
        ({ startMs }) => startMs === start.getTime()
      ),
    text:
      `trades of the regular session from ${start.toISOString()} until before ${end.toISOString()}, ` +
      `its closing prints until ${new Date(toMs).toISOString()}`
  }
}

/** Counted windows follow the order in which the feed sent the trades, whatever their times. */
function activityWindow(bar: BarFields, nextTrade: string | undefined): BarWindow {
  const firstTrade = bar._id.slice(bar._id.lastIndexOf('|') + 1)
  const first = placeOf(firstTrade)
  const next = nextTrade === undefined ? undefined : placeOf(nextTrade)
  return {
    symbol: bar.symbol,
    fromMs: bar.firstTradeAt.getTime(),
    toMs: bar.lastTradeAt.getTime() + 1,
    holds({ print }) {
      const own = { ...print, tMs: 0 }
      return !precedes(own, first) && (next === undefined || precedes(own, next))
    },
    text:
      `trades in the order of the feed, from ${firstTrade} ` +
      (nextTrade === undefined
        ? 'to the last'
        : `until before ${nextTrade}, which begins the next bar`)
  }
}

/** Compares places on the tape without their times: one fixed time stands for all. */
function placeOf(tradeId: string): Print {
  return { tMs: 0, price: 0, ...parseTradeId(tradeId) }
}
