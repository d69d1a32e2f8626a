import type { FeedGapDocument, FeedStatusDocument } from '@tapedeck/mongo'

/** The producer writes once a second; a status older than this is stale. */
const STALE_MS = 5000

/** Whether a producer stopped reporting without having reported that it stops. */
export function isStale({ state, updatedAt }: FeedStatusDocument, nowMs: number): boolean {
  return state !== 'stopped' && nowMs - updatedAt.getTime() > STALE_MS
}

/** The status that the producer reported; the explanation of a stale one says that first. */
export function feedRow(status: FeedStatusDocument, nowMs: number) {
  const stale = isStale(status, nowMs)
  return {
    feed: status._id,
    state: status.state,
    isStale: stale,
    explanation: stale ? silenceText(status, nowMs) : status.explanation,
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
      reason: one.reason
    })),
    updatedAt: status.updatedAt.getTime()
  }
}

/** An outage; `to` and `from` may be null as stored, `seconds` counts up to now while it is open. */
export function gapRow(gap: FeedGapDocument, nowMs: number) {
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
export function gapSpan(gap: FeedGapDocument, nowMs: number) {
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
