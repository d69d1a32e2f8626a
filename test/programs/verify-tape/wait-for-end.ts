import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import type { RunningService } from '../../support/service-process.ts'
import type { TapeTotals } from './tape-totals.ts'

export interface Progress {
  readonly trades: number
  readonly sent: number
  readonly published: number
  readonly stored: number
  readonly seconds: number
}

export type Pipeline = Readonly<Record<'simulator' | 'producer' | 'consumer', RunningService>>

/** Nothing moves for so long: the pipeline hangs. */
const STALL_LIMIT_MS = 60_000
/** Each look costs the services some milliseconds: seldom while the end is far. */
const FAR_POLL_MS = 1000
const NEAR_POLL_MS = 200
/** Share of the trades from which on the end is near. */
const NEAR = 0.9

/**
 * Waits until all of a tape is read, stored and in a checkpoint; answers the seconds since the first
 * frame was sent.
 * @throws TIMED_OUT when nothing moves for a minute
 */
export async function waitForEnd(
  { trades, redelivered }: Pick<TapeTotals, 'trades' | 'redelivered'>,
  { simulator, producer, consumer }: Pipeline,
  onProgress?: (progress: Progress) => void
): Promise<number> {
  let startedMs: number | undefined
  let movedMs = performance.now()
  let before = ''
  let told = 0
  for (;;) {
    const [
      [sent = 0],
      [published = 0, refused = 0],
      [read = 0, inserted = 0, present = 0, lag = 0]
    ] = await Promise.all([
      simulator.metrics('tapedeck_simulator_trades_sent_total'),
      producer.metrics('tapedeck_trades_published_total', 'tapedeck_trades_refused_total'),
      consumer.metrics(
        'tapedeck_trades_read_total',
        'tapedeck_trades_stored_total',
        'tapedeck_trades_present_total',
        'tapedeck_consumer_lag_records'
      )
    ])
    const stored = inserted + present
    const nowMs = performance.now()
    if (sent > 0) startedMs ??= nowMs
    const seconds = startedMs === undefined ? 0 : (nowMs - startedMs) / 1000
    if (seconds - told >= 1) {
      told = seconds
      onProgress?.({ trades, sent, published, stored, seconds })
    }
    const isRead = read + refused >= trades
    if (isRead && stored + refused >= trades - redelivered && lag === 0) return seconds
    const state = `${sent} ${published} ${read} ${stored}`
    if (state !== before) movedMs = nowMs
    before = state
    if (nowMs - movedMs > STALL_LIMIT_MS) {
      throw new TapedeckError(
        'TIMED_OUT',
        `Nothing moved for ${STALL_LIMIT_MS / 1000} s: ${sent} trades sent, ${published} published, ` +
          `${read} read, ${stored} stored, expected ${trades}\n${[simulator, producer, consumer]
            .map((service) => service.lastLines())
            .join('\n')}`
      )
    }
    await sleep(stored < trades * NEAR ? FAR_POLL_MS : NEAR_POLL_MS)
  }
}
