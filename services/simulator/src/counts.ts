import type { Metrics } from '@tapedeck/service'
import type { FaultKind } from './faults/fault.ts'
import type { Played } from './feed/client.ts'

/** Totals since the start. */
export interface SimulatorStats {
  /**
   * Frames of the source, over all clients; without injected frames, and without the protocol's pings
   * and errors.
   */
  readonly framesSent: number
  /** Trades in them. */
  readonly tradesSent: number
  /** Trades dropped because a client was too slow; only a market drops. */
  readonly tradesDropped: number
  /** Trades not sent because a fault had muted or frozen the connection. */
  readonly tradesWithheld: number
  /** Frames sent by a fault. */
  readonly framesInjected: number
  /** Accepted handshakes. */
  readonly connections: number
  /** Refused handshakes. */
  readonly refusals: number
  /** The file was played to its end, and every client received all of it. */
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

/** Counts each event once, for `stats` and for /metrics. */
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
    'Handshakes by the status of their answer',
    ['status']
  )
  const skippedSeconds = metrics.counter(
    'simulator_market_skipped_seconds_total',
    'Market time skipped because the process was stalled'
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
