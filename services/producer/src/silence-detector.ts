import { marketState, tradesRoundTheClock } from '@tapedeck/domain'

/** Whether trades of a symbol arrive, and since when they do not. */
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
  /** Whether a new subscription was requested during this silence. */
  isReported: boolean
}

/** Weight of the newest gap in the moving average: about the last twenty trades count. */
const WEIGHT = 0.1
/** A silence of this many usual gaps is abnormal, but never one shorter than a minute. */
const PATIENCE = 20
const LEAST_QUIET_MS = 60_000
/** A symbol that never traded may stay silent this long while its market is open. */
const FIRST_TRADE_MS = 15 * 60_000
/** A longer gap is a break of the session and does not enter the average. */
const BREAK_MS = 30 * 60_000

/**
 * Detects symbols that are silent for longer than their own trade rate and market hours explain.
 *
 * A feed that still pings may have lost a symbol, and a thinly traded symbol may be silent without any
 * fault. Times are receive times in epoch ms. Pure.
 */
export class SilenceDetector {
  readonly #watched = new Map<string, Watched>()

  /** Watches the symbols of the list, and no others. */
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
        isReported: false
      })
    }
  }

  /** Records that trades of a symbol arrived. */
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
    watched.isReported = false
  }

  /** Restarts every silence, after a new connection. */
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

  /** The symbols whose silence is abnormal and was not reported yet. Each silence is reported once. */
  drainSilent(nowMs: number): string[] {
    const silent: string[] = []
    for (const { symbol, standing } of this.states(nowMs)) {
      const watched = this.#watched.get(symbol)
      if (standing !== 'quiet, not normal' || watched === undefined || watched.isReported) continue
      watched.isReported = true
      silent.push(symbol)
    }
    return silent
  }
}

function limitOf({ lastTradeMs, usualGapMs }: Watched): number {
  if (lastTradeMs === null || usualGapMs === null) return FIRST_TRADE_MS
  return Math.max(LEAST_QUIET_MS, PATIENCE * usualGapMs)
}

function quietReason(quietMs: number, usualGapMs: number | null): string {
  const silent = `silent for ${durationText(quietMs)}`
  return usualGapMs === null
    ? `${silent} while its market is open; the feed may not cover it`
    : `${silent}, usually a trade each ${durationText(usualGapMs)}`
}

/** A time in words: seconds below two minutes, otherwise minutes. */
export function durationText(ms: number): string {
  return ms < 120_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`
}
