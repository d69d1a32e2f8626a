import type { Logger } from '@tapedeck/service'
import type { TapeConfig } from './config.ts'
import type { Counts } from './counts.ts'
import { fullSpeed, livePace, recordedPace } from './feed/pace.ts'
import { play, type PlayOptions } from './feed/play.ts'
import { StartGate } from './feed/start-gate.ts'
import { marketBatches, SLICE_MS } from './market/market-source.ts'
import type { Market } from './market/market.ts'
import { readTape } from './tape/tape-source.ts'

type PlayParts = Omit<PlayOptions, 'pace' | 'gate'>

/** Plays a market for ever. @throws ABORTED */
export async function playMarket(
  market: Market,
  parts: PlayParts,
  log: Logger,
  counts: Counts
): Promise<void> {
  const batches = marketBatches(market, parts.audience, parts.clock, (skippedMs) => {
    log.warn({ skippedMs }, 'held up: market time is passed over')
    counts.skipped(skippedMs)
  })
  await play(batches, { ...parts, pace: livePace, gate: undefined })
}

/** Plays a tape or capture to its end. @throws ABORTED, TAPE_INVALID */
export async function playTape(
  { path, speed, skipGaps, start }: TapeConfig,
  parts: PlayParts,
  log: Logger,
  counts: Counts
): Promise<void> {
  const { audience, clock } = parts
  const pace = speed === Infinity ? fullSpeed : recordedPace(speed, skipGaps, clock)
  const gate = new StartGate(start, audience, clock)
  log.info({ start }, 'tape waits for subscriptions')
  const batches = readTape(path, SLICE_MS * speed, (note) =>
    log.warn({ note }, 'tape is not whole')
  )
  await play(batches, { ...parts, pace, gate })
  counts.ended()
  const { framesSent, tradesSent } = counts.stats()
  log.info({ framesSent, tradesSent }, 'tape ended')
}
