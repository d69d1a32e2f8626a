import { marketState } from './market-hours.ts'
import { tradesRoundTheClock } from './symbols.ts'

/** How a symbol stands by what came of it. */
export interface SymbolState {
  readonly symbol: string
  readonly standing: 'asked for' | 'receiving' | 'quiet, normal for the hour' | 'quiet, not normal'
  readonly lastTradeMs: number | null
  /** Usual time between trades while its market is open, ms; null before the second trade. */
  readonly usualGapMs: number | null
  readonly reason: string | null
}

interface Watched {
  lastTradeMs: number | null
  usualGapMs: number | null
  sinceMs: number
  /** Asked for again in this quiet spell. */
  isNudged: boolean
}

/** Weight of the newest gap in the usual one: about the last twenty trades count. */
const WEIGHT = 0.1
/** So many usual gaps without a trade are not normal, but never less than a minute. */
const PATIENCE = 20
const LEAST_QUIET_MS = 60_000
/** A symbol that never traded is given so long while its market is open. */
const FIRST_TRADE_MS = 15 * 60_000
/** Gaps longer than this are breaks of the session, no usual gap. */
const BREAK_MS = 30 * 60_000

/**
 * Judges each symbol's silence by its own usual rate and by whether its market is open.
 *
 * A feed that pings may still have lost a symbol; a thin symbol is quiet without anything being
 * wrong. Times are receive times in epoch ms; pure.
 */
export class SilenceDetector {
  readonly #watched = new Map<string, Watched>()

  /** Begins with every symbol of the list and forgets all others. */
  setSymbols(symbols: readonly string[], nowMs: number): void {
    for (const symbol of this.#watched.keys()) {
      if (!symbols.includes(symbol)) this.#watched.delete(symbol)
    }
    for (const symbol of symbols) {
      if (this.#watched.has(symbol)) continue
      this.#watched.set(symbol, {
        lastTradeMs: null,
        usualGapMs: null,
        sinceMs: nowMs,
        isNudged: false
      })
    }
  }

  /** Trades of a symbol came in. */
  traded(symbol: string, nowMs: number): void {
    const watched = this.#watched.get(symbol)
    if (watched === undefined) return
    const gapMs = watched.lastTradeMs === null ? null : nowMs - watched.lastTradeMs
    if (gapMs !== null && gapMs < BREAK_MS) {
      watched.usualGapMs =
        watched.usualGapMs === null
          ? gapMs
          : watched.usualGapMs + WEIGHT * (gapMs - watched.usualGapMs)
    }
    watched.lastTradeMs = nowMs
    watched.isNudged = false
  }

  /** The connection is new: silence is counted from now. */
  restarted(nowMs: number): void {
    for (const watched of this.#watched.values()) watched.sinceMs = nowMs
  }

  states(nowMs: number): SymbolState[] {
    const market = marketState(nowMs)
    return [...this.#watched].map(([symbol, watched]) => {
      const { lastTradeMs, usualGapMs } = watched
      const base = { symbol, lastTradeMs, usualGapMs }
      const isOpen = market.isTrading || tradesRoundTheClock(symbol)
      const quietMs = nowMs - Math.max(lastTradeMs ?? 0, watched.sinceMs)
      if (lastTradeMs !== null && lastTradeMs >= watched.sinceMs && quietMs <= limitOf(watched)) {
        return { ...base, standing: 'receiving', reason: null }
      }
      if (!isOpen) {
        return { ...base, standing: 'quiet, normal for the hour', reason: market.text }
      }
      if (quietMs <= limitOf(watched)) {
        return lastTradeMs === null
          ? { ...base, standing: 'asked for', reason: 'no trade yet' }
          : { ...base, standing: 'quiet, normal for the hour', reason: null }
      }
      return { ...base, standing: 'quiet, not normal', reason: quietReason(quietMs, usualGapMs) }
    })
  }

  /** Symbols quiet beyond the normal that were not asked for again in this spell; marks them so. */
  takeNudges(nowMs: number): string[] {
    const nudges: string[] = []
    for (const { symbol, standing } of this.states(nowMs)) {
      const watched = this.#watched.get(symbol)
      if (standing !== 'quiet, not normal' || watched === undefined || watched.isNudged) continue
      watched.isNudged = true
      nudges.push(symbol)
    }
    return nudges
  }
}

function limitOf({ lastTradeMs, usualGapMs }: Watched): number {
  if (lastTradeMs === null || usualGapMs === null) return FIRST_TRADE_MS
  return Math.max(LEAST_QUIET_MS, PATIENCE * usualGapMs)
}

function quietReason(quietMs: number, usualGapMs: number | null): string {
  const silent = `silent for ${seconds(quietMs)}`
  return usualGapMs === null
    ? `${silent} while its market is open; the feed may not cover it`
    : `${silent}, usually a trade each ${seconds(usualGapMs)}`
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`
}
