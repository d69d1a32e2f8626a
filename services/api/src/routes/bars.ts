import { TRADE } from '@tapedeck/client/rows'
import type { Clock } from '@tapedeck/core'
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
  type Session
} from '@tapedeck/domain'
import { barRow, completeBar, tradeRow, type TapeQuery, type TapeTrade } from '@tapedeck/mongo'
import { Type, type Static, type TSchema } from 'typebox'
import {
  answers,
  flag,
  flagOrNull,
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
import { BAR_ID, DEFAULT_LIMIT, LIMIT, path, POSITION, positionText, query } from '../query.ts'
import { loadShared, type Reader } from '../reader.ts'
import { BarAccount, policyOf, verdictOf, type BarSummary } from './bar-account.ts'
import { fittingTimeframe } from './chart.ts'
import { barHistory, BARS_QUERY, isStored, startOf, storedRange } from './bar-history.ts'
import { isPlain, nextOf, sendHistory } from './history.ts'

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
const BAR_PROPERTIES = Object.fromEntries(
  Object.entries(BAR_FIELDS).map(([name, { row, kind, isNullable }]) => [
    row ?? name,
    isNullable === true ? orNull(KINDS[kind]) : KINDS[kind]
  ])
)
const BAR = Type.Unsafe<object>(object(BAR_PROPERTIES))
/** With `fill` a row may be of a window without a trade, and says so. */
const BAR_OR_FILLED = Type.Unsafe<object>(
  object({
    ...BAR_PROPERTIES,
    firstTradeAt: wholeOrNull,
    lastTradeAt: wholeOrNull,
    filled: Type.Optional(flag)
  })
)
const BARS = object({
  bars: Type.Unsafe<readonly object[]>(Type.Array(BAR_OR_FILLED)),
  next: textOrNull
})

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
/** The answer of GET /api/v1/bars/:id/trades. */
export type BarTradesAnswer = Static<typeof BAR_TRADES>
const PAGE = query({ limit: LIMIT, after: POSITION })

/** Rows: the trades of a day's bar, hundreds of thousands, are read in batches, but for many seconds. */
const COUNTING_COST = 10_000
/** Counts of a bar's trades are cached by the content of the bar, so that paging counts once. */
const SHARED_SUMMARIES = { ttlMs: 30_000, maxEntries: 200, maxWeight: 200 } as const

/** Routes for bars and for the trades of a bar. */
export function barRoutes(app: Routes, { reader, config, share, budget, clock }: RouteTools): void {
  const summaries = new LoadCache<BarSummary>({ ...SHARED_SUMMARIES, weigh: () => 1, clock })
  app.get(
    '/api/v1/bars',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Bars of one timeframe, by the start of their window',
        querystring: BARS_QUERY,
        response: answers(BARS)
      }
    },
    async (request, reply) => {
      const { query: given } = request
      const { timeframe: named } = given
      const timeframe = named && fittingTimeframe(named, given, clock.now(), config.timeframes)
      const asked = { ...given, timeframe }
      if (!isPlain(request, asked) || !isStored(asked)) {
        const history = await barHistory(reader, asked, clock.now())
        return sendHistory(request, reply, asked, history, budget)
      }
      const range = storedRange(asked, clock.now())
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
      config: { scope: 'read' },
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
