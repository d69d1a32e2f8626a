import type { FeedGapDocument } from '@tapedeck/mongo'
import type { TapeTrade } from '../../support/tape.ts'
import type { Findings } from './findings.ts'
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
  readonly count: number
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
 * when the gap begins no later than the last frame received before it and ends no earlier than the
 * first one after it.
 *
 * @param truth in the order of the feed
 */
export function checkMissing(
  tape: readonly TapeTrade[],
  truth: readonly TopicTrade[],
  gaps: readonly FeedGapDocument[],
  findings: Findings
): MissingCheck {
  const { receivedAt, foreign } = placeOnTape(tape, truth)
  for (const trade of foreign)
    findings.add('foreign', `trade ${trade.id} is on the topic and not on the tape`)
  const holes = holesIn(receivedAt)
  let unexplained = 0
  let gapsBeginLateByMs = 0
  for (const hole of holes) {
    const around = gaps.filter(
      ({ to, from }) =>
        (to?.getTime() ?? Infinity) >= hole.beforeMs && (from?.getTime() ?? 0) <= hole.beforeMs
    )
    const lateMs = Math.min(...around.map(({ from }) => (from?.getTime() ?? 0) - hole.afterMs))
    if (lateMs <= 0) continue
    unexplained += hole.count
    if (lateMs !== Infinity) gapsBeginLateByMs = Math.max(gapsBeginLateByMs, lateMs)
    const where = `${hole.count} trades of the tape (${hole.from} to ${hole.to}) are missing`
    const why =
      lateMs === Infinity
        ? 'no gap spans them'
        : `their gap begins ${lateMs} ms after the last seen: ${around.map(wordsOf).join('; ')}`
    findings.add(
      'missing',
      `${where}: received after ${timeOf(hole.afterMs)} and before ${timeOf(hole.beforeMs)}, ${why}`
    )
  }
  const missing = holes.reduce((sum, { count }) => sum + count, 0)
  return { missing, holes: holes.length, unexplained, foreign: foreign.length, gapsBeginLateByMs }
}

function wordsOf({ _id, from, to, cause }: FeedGapDocument): string {
  return `${_id} ${from?.toISOString()} to ${to?.toISOString()}, ${cause}`
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
function holesIn(receivedAt: Float64Array): Hole[] {
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
    const beforeMs = receivedAt[position + 1] ?? Infinity
    holes.push({ count: position - from + 1, from, to: position, afterMs, beforeMs })
  }
  return holes
}
