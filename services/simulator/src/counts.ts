import type { Metrics } from '@tapedeck/service'
import type { FaultKind } from './faults/fault.ts'
import type { Played } from './feed/session.ts'

/** What the simulator did so far. */
export interface SimulatorStats {
  /**
   * Frames of the source, over all clients; without injected ones, pings and error answers of the
   * protocol.
   */
  readonly framesSent: number
  /** Trades in them. */
  readonly tradesSent: number
  /** Trades that a client was too slow for; only a live market drops. */
  readonly tradesDropped: number
  /** Trades that a fault kept back: the connection was muted or frozen. */
  readonly tradesWithheld: number
  /** Frames of a fault's own. */
  readonly framesInjected: number
  /** Handshakes that were let in, since the start. */
  readonly connections: number
  /** Handshakes that were not. */
  readonly refusals: number
  /** The file was played to its end, and every client took all of it. */
  readonly tapeEnded: boolean
  /** Connected now. */
  readonly clients: number
}

export interface Counts {
  readonly stats: () => SimulatorStats
  readonly played: (played: Played) => void
  readonly injected: () => void
  readonly fault: (kind: FaultKind) => void
  readonly handshake: (status: number) => void
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
  const withheld = metrics.counter(
    'simulator_trades_withheld_total',
    'Trades not sent because a fault had muted or frozen the connection'
  )
  const injected = metrics.counter('simulator_frames_injected_total', 'Frames sent by a fault')
  const faults = metrics.counter('simulator_faults_total', 'Faults done', ['fault'])
  const handshakes = metrics.counter(
    'simulator_handshakes_total',
    'Handshakes by the status they were answered with',
    ['status']
  )
  const skippedSeconds = metrics.counter(
    'simulator_market_skipped_seconds_total',
    'Time that the live market passed over because the process was held up'
  )
  const tapeEnded = metrics.gauge('simulator_tape_ended', '1 once the file was played to its end')
  const stats = {
    framesSent: 0,
    tradesSent: 0,
    tradesDropped: 0,
    tradesWithheld: 0,
    framesInjected: 0,
    connections: 0,
    refusals: 0,
    tapeEnded: false
  }
  return {
    stats: () => ({ ...stats, clients: clients() }),
    played(played) {
      stats.framesSent += played.frames
      stats.tradesSent += played.trades
      stats.tradesDropped += played.droppedTrades
      frames.inc(played.frames)
      trades.inc(played.trades)
      dropped.inc(played.droppedTrades)
      stats.tradesWithheld += played.withheldTrades
      withheld.inc(played.withheldTrades)
    },
    injected() {
      stats.framesInjected++
      injected.inc()
    },
    fault: (fault) => faults.inc({ fault }),
    handshake(status) {
      if (status === 101) stats.connections++
      else stats.refusals++
      handshakes.inc({ status })
    },
    ended() {
      stats.tapeEnded = true
      tapeEnded.set(1)
    },
    skipped: (skippedMs) => skippedSeconds.inc(skippedMs / 1000)
  }
}
