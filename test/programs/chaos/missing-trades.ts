import type { FeedGapDocument } from '@tapedeck/mongo'
import type { TapeTrade } from '../../support/tape.ts'
import type { Findings } from './findings.ts'
import { gapSpans, type Span } from './gap-spans.ts'
import type { TopicTrade } from './topic-truth.ts'

export interface MissingCheck {
  /** Trades of the tape that are not on the topic. */
  readonly missing: number
  /** Stretches of the tape in which they lie. */
  readonly holes: number
  /** Trades in holes that no recorded gap spans. */
  readonly unexplained: number
  /** Trades on the topic that are not on the tape. */
  readonly foreign: number
  /** Longest part of a hole before its gap begins, ms; 0 when every gap begins in time. */
  readonly gapsBeginLateByMs: number
}

interface Hole {
  readonly trades: readonly TapeTrade[]
  /** Positions on the tape, both inclusive. */
  readonly from: number
  readonly to: number
  /** Receive times of the nearest trades on the topic around it, epoch ms. */
  readonly afterMs: number
  readonly beforeMs: number
}

/** So many trades in a row are taken for a proof that a place on the tape is found again. */
const PROOF = 20

/**
 * What of the tape never reached the topic, and whether a recorded outage spans it. A hole is spanned
 * when for each of its symbols a gap begins no later than the last frame received before it and ends no earlier
 * than the first one after it.
 *
 * @param truth in the order of the feed
 * @param isPresent the tape was not held while nobody followed the feed: what it sent at the end may be missing, and
 *   was sent no earlier than its trades happened
 */
export function checkMissing(
  tape: readonly TapeTrade[],
  truth: readonly TopicTrade[],
  gaps: readonly FeedGapDocument[],
  findings: Findings,
  isPresent = false
): MissingCheck {
  const { receivedAt, foreign } = placeOnTape(tape, truth)
  for (const trade of foreign)
    findings.add('foreign', `trade ${trade.id} is on the topic and not on the tape`)
  const holes = holesIn(tape, receivedAt, isPresent)
  const spans = new Map(
    [...new Set(tape.map(({ s }) => s))].map((symbol) => [symbol, gapSpans(gaps, symbol)])
  )
  let unexplained = 0
  let gapsBeginLateByMs = 0
  for (const { symbol, count, from, to, afterMs, beforeMs } of holes.flatMap(bySymbol)) {
    const around = (spans.get(symbol) ?? []).filter(
      ({ fromMs, toMs }) => toMs >= beforeMs && fromMs <= beforeMs
    )
    if (around.some(({ fromMs }) => fromMs <= afterMs)) continue
    const lateMs = Math.min(...around.map(({ fromMs }) => fromMs - afterMs))
    unexplained += count
    if (lateMs !== Infinity) gapsBeginLateByMs = Math.max(gapsBeginLateByMs, lateMs)
    const where = `${count} trades of ${symbol} on the tape (${from} to ${to}) are missing`
    const why =
      lateMs === Infinity
        ? 'no gap spans them'
        : `their gap begins ${lateMs} ms after the last seen: ${around.map(wordsOf).join('; ')}`
    findings.add(
      'missing',
      `${where}: received after ${timeOf(afterMs)} and before ${timeOf(beforeMs)}, ${why}`
    )
  }
  const missing = holes.reduce((sum, { trades }) => sum + trades.length, 0)
  return { missing, holes: holes.length, unexplained, foreign: foreign.length, gapsBeginLateByMs }
}

/** The part of a hole that each symbol has: one may have been dropped while the others went on. */
function bySymbol({ trades, ...hole }: Hole): (Omit<Hole, 'trades'> & {
  readonly symbol: string
  readonly count: number
})[] {
  return [...Map.groupBy(trades, ({ s }) => s)].map(([symbol, own]) => ({
    ...hole,
    symbol,
    count: own.length
  }))
}

function wordsOf({ fromMs, toMs }: Span): string {
  return `${timeOf(fromMs)} to ${timeOf(toMs)}`
}

function timeOf(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'ever'
}

/** The receive time at each position of the tape; NaN where the trade is missing. */
function placeOnTape(
  tape: readonly TapeTrade[],
  truth: readonly TopicTrade[]
): { receivedAt: Float64Array; foreign: TopicTrade[] } {
  const receivedAt = new Float64Array(tape.length).fill(NaN)
  const foreign: TopicTrade[] = []
  const ofSymbol = Map.groupBy(truth, ({ symbol }) => symbol)
  const positions = Map.groupBy(tape.keys(), (position) => tape[position]?.s ?? '')
  for (const [symbol, own] of ofSymbol) {
    const places = positions.get(symbol) ?? []
    const isAt = (place: number, trade: TopicTrade | undefined): boolean => {
      const there = tape[places[place] ?? -1]
      if (there === undefined || trade === undefined) return false
      return there.p === trade.p && there.t === trade.t && there.v === trade.v
    }
    const isRunAt = (place: number, from: number, length: number): boolean => {
      for (let i = 0; i < length; i++) if (!isAt(place + i, own[from + i])) return false
      return true
    }
    /** Where the trades from `from` on go on; the surest proof first, since equal trades are common. */
    const find = (place: number, from: number): number | undefined => {
      const left = runLength(own, from)
      for (const length of new Set([Math.min(PROOF, left), Math.min(3, left), 1])) {
        for (let at = place; at < places.length; at++) if (isRunAt(at, from, length)) return at
      }
      return undefined
    }
    let place = 0
    own.forEach((trade, index) => {
      const isFirst = trade.connection !== own[index - 1]?.connection
      const at = !isFirst && isAt(place, trade) ? place : find(place, index)
      if (at === undefined) {
        foreign.push(trade)
        return
      }
      receivedAt[places[at] ?? 0] = trade.receivedAt
      place = at + 1
    })
  }
  return { receivedAt, foreign }
}

/** How many trades follow on the same connection, up to a proof's length. */
function runLength(own: readonly TopicTrade[], from: number): number {
  let length = 1
  while (length < PROOF && own[from + length]?.connection === own[from]?.connection) length++
  return length
}

/** Neighbouring missing positions are one hole. */
function holesIn(tape: readonly TapeTrade[], receivedAt: Float64Array, isPresent: boolean): Hole[] {
  const holes: Hole[] = []
  let afterMs = -Infinity
  for (let position = 0; position < receivedAt.length; position++) {
    const ms = receivedAt[position] ?? NaN
    if (!Number.isNaN(ms)) {
      afterMs = ms
      continue
    }
    const from = position
    while (Number.isNaN(receivedAt[position + 1] ?? 0)) position++
    const trades = tape.slice(from, position + 1)
    const sentLeastMs = isPresent ? trades.reduce((most, { t }) => Math.max(most, t), 0) : Infinity
    const beforeMs = receivedAt[position + 1] ?? sentLeastMs
    holes.push({ trades, from, to: position, afterMs, beforeMs })
  }
  return holes
}
