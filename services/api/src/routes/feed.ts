import { withWarnings, type FeedGapDocument, type FeedStatusDocument } from '@tapedeck/mongo'
import type { Static } from 'typebox'
import {
  answers,
  flag,
  numberOrNull,
  object,
  rows,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull,
  words,
  type Routes,
  type RouteTools
} from '../http.ts'
import { quoteChecks } from '../quote-checks.ts'
import { FIELDS, LIMIT, query, TIME, timeRange } from '../query.ts'

const FEED = object({
  feeds: rows({
    feed: text,
    state: text,
    isStale: flag,
    explanation: text,
    warnings: texts,
    lastError: textOrNull,
    connection: textOrNull,
    connectedAt: wholeOrNull,
    lastFrameAt: wholeOrNull,
    lastTradeAt: wholeOrNull,
    maxSymbols: whole,
    queuedFrames: whole,
    spooledBytes: whole,
    copiedFrames: whole,
    copiedTrades: whole,
    symbols: rows({
      symbol: text,
      standing: text,
      lastTradeAt: wholeOrNull,
      usualGapMs: numberOrNull,
      reason: textOrNull,
      askedAgainAt: wholeOrNull
    }),
    updatedAt: whole
  }),
  quotes: object({
    isAlarm: flag,
    text,
    symbols: rows({
      symbol: text,
      verdict: words('agrees', 'differs', 'stale', 'missing', 'no trade', 'closed'),
      quotedAt: wholeOrNull,
      receivedAt: wholeOrNull,
      price: numberOrNull,
      lastPrice: numberOrNull,
      lastTradeAt: wholeOrNull,
      differencePercent: numberOrNull,
      ageSeconds: numberOrNull
    })
  }),
  gaps: rows({
    id: text,
    feed: text,
    from: wholeOrNull,
    to: wholeOrNull,
    isOpen: flag,
    cause: text,
    symbols: texts,
    log: textOrNull,
    seconds: numberOrNull
  })
})
const GAPS = object({
  gaps: rows({
    id: text,
    feed: text,
    time: whole,
    timeEnd: whole,
    isOpen: flag,
    cause: text,
    symbols: texts,
    log: textOrNull,
    seconds: numberOrNull,
    text
  })
})

/** The answers of GET /api/v1/feed and /api/v1/gaps. */
export type FeedAnswer = Static<typeof FEED>
export type GapsAnswer = Static<typeof GAPS>

const DAY_MS = 86_400_000
/** The number of newest outages in the answer of /feed. */
const FEED_GAPS = 50
/** The producer's clock may be ahead of this one. */
const SKEW_MS = 60_000

/** Routes for the state of the feeds and their outages. */
export function feedRoutes(app: Routes, { reader, config, share, clock }: RouteTools): void {
  app.get(
    '/api/v1/feed',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'The state of each feed, in words, how quotes agree with it, and its newest outages',
        querystring: query({ fields: FIELDS }),
        response: answers(FEED)
      }
    },
    async (_request, reply) =>
      share(reply, FEED, {}, async () => {
        const nowMs = clock.now()
        const [feeds, storedMs, quotes, gaps] = await Promise.all([
          reader.feeds(),
          reader.storedUntil(),
          reader.quotes(),
          reader.gaps({ fromMs: 0, toMs: nowMs + SKEW_MS, limit: FEED_GAPS })
        ])
        return {
          feeds: feeds.map((feed) => feedRow(feed, storedMs, nowMs)),
          quotes: quoteChecks(feeds, quotes, nowMs, config.quotes),
          gaps: gaps.map((gap) => gapRow(gap, nowMs))
        }
      })
  )
  app.get(
    '/api/v1/gaps',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Outages of the feed that touch the range',
        querystring: query({ from: TIME, to: TIME, limit: LIMIT, fields: FIELDS }),
        response: answers(GAPS)
      }
    },
    async ({ query: { limit, ...bounds } }, reply) => {
      const asked = { ...timeRange(bounds, clock.now(), { spanMs: DAY_MS }), limit }
      return share(
        reply,
        GAPS,
        asked,
        async () => ({
          gaps: (await reader.gaps(asked))
            .map((gap) => gapSpan(gap, clock.now()))
            .toSorted((a, b) => a.time - b.time)
        }),
        limit
      )
    }
  )
}

/** The producer writes once a second; a status older than this is stale. */
const STALE_MS = 5000

/** Whether a producer stopped reporting without having reported that it stops. */
export function isStale({ state, updatedAt }: FeedStatusDocument, nowMs: number): boolean {
  return state !== 'stopped' && nowMs - updatedAt.getTime() > STALE_MS
}

/** The consumer stores what it read twice a second; a longer delay is a trouble. */
const STORED_WITHIN_MS = 10_000

/**
 * The status that the producer reported. The explanation of a stale one says that first, and ends with what is wrong
 * behind the feed.
 * @param storedMs see storedUntil of libs/mongo
 */
function feedRow(status: FeedStatusDocument, storedMs: number | undefined, nowMs: number) {
  const stale = isStale(status, nowMs)
  const explanation = stale ? silenceText(status, nowMs) : status.explanation
  const warnings = [...(status.warnings ?? []), ...unstoredWarnings(status, storedMs, nowMs)]
  return {
    feed: status._id,
    state: status.state,
    isStale: stale,
    explanation: withWarnings(explanation, warnings),
    warnings,
    lastError: status.lastError,
    connection: status.connection,
    connectedAt: timeOf(status.connectedAt),
    lastFrameAt: timeOf(status.lastFrameAt),
    lastTradeAt: timeOf(status.lastTradeAt),
    maxSymbols: status.maxSymbols,
    queuedFrames: status.queuedFrames,
    spooledBytes: status.spooledBytes,
    copiedFrames: status.copiedFrames ?? 0,
    copiedTrades: status.copiedTrades ?? 0,
    symbols: status.symbols.map((one) => ({
      symbol: one.symbol,
      standing: one.standing,
      lastTradeAt: timeOf(one.lastTradeAt),
      usualGapMs: one.usualGapMs,
      reason: one.reason,
      askedAgainAt: timeOf(one.askedAgainAt ?? null)
    })),
    updatedAt: status.updatedAt.getTime()
  }
}

/** An outage; `to` and `from` may be null as stored, `seconds` counts up to now while it is open. */
function gapRow(gap: FeedGapDocument, nowMs: number) {
  const [from, to] = [timeOf(gap.from), timeOf(gap.to)]
  return {
    id: gap._id,
    feed: gap.feed,
    from,
    to,
    isOpen: to === null,
    cause: gap.cause,
    symbols: gap.symbols,
    log: gap.log ?? null,
    seconds: from === null ? null : Math.max(0, (to ?? nowMs) - from) / 1000
  }
}

/**
 * An outage for a time axis: both ends are moments, and an open outage ends now. An outage without a begin
 * (the feed was not followed before) is shown at its end only: shading without a begin would cover
 * recorded tapes.
 */
function gapSpan(gap: FeedGapDocument, nowMs: number) {
  const row = gapRow(gap, nowMs)
  const timeEnd = row.to ?? Math.max(nowMs, row.from ?? 0)
  const lasted = row.seconds === null ? unbegunText(row.isOpen) : durationText(row.seconds)
  return {
    id: row.id,
    feed: row.feed,
    time: row.from ?? row.to ?? gap.updatedAt.getTime(),
    timeEnd,
    isOpen: row.isOpen,
    cause: row.cause,
    symbols: row.symbols,
    log: row.log,
    seconds: row.seconds,
    text: `no feed (${whoseText(row)}), ${lasted}${row.isOpen ? ' so far' : ''}: ${row.cause}`
  }
}

/** Both times are of the producer's clock, so that a wrong one does not matter. */
function unstoredWarnings(
  { lastTradeAt, connectedAt }: FeedStatusDocument,
  storedMs: number | undefined,
  nowMs: number
): string[] {
  if (lastTradeAt === null) return []
  if (storedMs === undefined) {
    const sinceMs = connectedAt?.getTime() ?? lastTradeAt.getTime()
    const isLate = nowMs - sinceMs > STORED_WITHIN_MS
    return isLate ? ['no trade of it is stored yet: is the consumer running?'] : []
  }
  const behindMs = lastTradeAt.getTime() - storedMs
  if (behindMs <= STORED_WITHIN_MS) return []
  return [
    `its trades of the last ${durationText(behindMs / 1000)} are not stored: is the consumer running?`
  ]
}

function unbegunText(isOpen: boolean): string {
  return isOpen ? 'since before the first frame' : 'until here'
}

/** A gap of one partition concerns the symbols whose trades go there. */
function whoseText({ symbols, log }: Pick<ReturnType<typeof gapRow>, 'symbols' | 'log'>): string {
  if (symbols.length > 0) return symbols.join(', ')
  return log === null ? 'all symbols' : `symbols of partition ${log}`
}

function silenceText({ explanation, updatedAt }: FeedStatusDocument, nowMs: number): string {
  const silent = durationText((nowMs - updatedAt.getTime()) / 1000)
  return `no report from the producer for ${silent}: is it running? Its last report: ${explanation}`
}

function durationText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

function timeOf(date: Date | null): number | null {
  return date === null ? null : date.getTime()
}
