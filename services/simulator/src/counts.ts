import type { Metrics } from '@tapedeck/service'
import type { Played } from './feed/session.ts'

/** What the simulator did so far. */
export interface SimulatorStats {
  /** Frames of the source, over all clients; without pings and error answers of the protocol. */
  readonly framesSent: number
  /** Trades in them. */
  readonly tradesSent: number
  /** Trades that a client was too slow for; only a live market drops. */
  readonly tradesDropped: number
  /** The file was played to its end, and every client took all of it. */
  readonly tapeEnded: boolean
  /** Connected now. */
  readonly clients: number
}

export interface Counts {
  readonly stats: () => SimulatorStats
  readonly played: (played: Played) => void
  readonly ended: () => void
  readonly skipped: (skippedMs: number) => void
}

/** Counts once, for `stats` and for /metrics. */
export function createCounts(metrics: Metrics, clients: () => number): Counts {
  const trades = metrics.counter(
    'simulator_trades_sent_total',
    'Trades sent, summed over the clients'
  )
  const frames = metrics.counter(
    'simulator_frames_sent_total',
    'Frames of the source sent, summed over the clients'
  )
  const dropped = metrics.counter(
    'simulator_trades_dropped_total',
    'Trades not sent because a client of the live market was too slow'
  )
  const skippedSeconds = metrics.counter(
    'simulator_market_skipped_seconds_total',
    'Time that the live market passed over because the process was held up'
  )
  const tapeEnded = metrics.gauge('simulator_tape_ended', '1 once the file was played to its end')
  const stats = { framesSent: 0, tradesSent: 0, tradesDropped: 0, tapeEnded: false }
  return {
    stats: () => ({ ...stats, clients: clients() }),
    played(played) {
      stats.framesSent += played.frames
      stats.tradesSent += played.trades
      stats.tradesDropped += played.droppedTrades
      frames.inc(played.frames)
      trades.inc(played.trades)
      dropped.inc(played.droppedTrades)
    },
    ended() {
      stats.tapeEnded = true
      tapeEnded.set(1)
    },
    skipped: (skippedMs) => skippedSeconds.inc(skippedMs / 1000)
  }
}
