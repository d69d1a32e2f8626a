import { setImmediate as letOthersRun } from 'node:timers/promises'
import { TapedeckError, type Clock } from '@tapedeck/core'
import type { Audience } from './audience.ts'
import type { Frame } from './frame.ts'
import type { Pace } from './pace.ts'
import type { Played } from './session.ts'
import type { StartGate } from './start-gate.ts'

/** Frames that are due together. */
export interface Batch {
  readonly frames: readonly Frame[]
  /**
   * Where on its own time line the source stands (ms): what the pace turns into a wall time.
   * Undefined while it has none yet: due at once.
   */
  readonly positionMs: number | undefined
  /** The recorded connection ended before these frames: everybody is sent away first. */
  readonly isNewConnection?: boolean
}

export interface PlayOptions {
  readonly audience: Audience
  readonly pace: Pace
  readonly clock: Clock
  readonly signal: AbortSignal
  /** A tape waits for its listeners and for the slowest of them; a live market does neither. */
  readonly gate: StartGate | undefined
  readonly onPlayed: (played: Played) => void
}

/** setTimeout takes no more than 24 days; a recorded gap may be longer. */
const LONGEST_WAIT_MS = 3_600_000
const SERVICE_RESTART = 1012

/**
 * Plays a source to its audience until it ends: each batch when it is due, to every client what it
 * subscribed to. With a gate nothing is dropped: the next batch is only taken when every client has
 * room for it, so the slowest client sets the speed.
 *
 * @throws ABORTED when `signal` aborts; whatever the source throws.
 */
export async function play(source: AsyncIterable<Batch>, options: PlayOptions): Promise<void> {
  const { audience, gate, pace, signal, onPlayed } = options
  for await (const { frames, positionMs, isNewConnection } of source) {
    await waitUntilDue(positionMs === undefined ? 0 : pace.dueMs(positionMs), options)
    if (isNewConnection === true) await endConnections(options)
    if (signal.aborted) throw new TapedeckError('ABORTED', 'Playing was aborted')
    const hasPaused = gate !== undefined && (await gate.pass(signal))
    if (hasPaused && positionMs !== undefined) pace.restart(positionMs)
    for (const session of audience.sessions) onPlayed(session.play(frames, gate !== undefined))
    if (gate === undefined) continue
    for (const session of audience.sessions) await session.drained(signal)
  }
  for (const session of audience.sessions) await session.drained(signal, true)
}

/** What was sent arrives first; the gate then holds the source until somebody is back. */
async function endConnections({ audience, signal }: PlayOptions): Promise<void> {
  const sessions = [...audience.sessions]
  await Promise.all(sessions.map((session) => session.drained(signal, true)))
  await Promise.all(sessions.map((session) => session.close(SERVICE_RESTART, 'recorded end')))
}

async function waitUntilDue(dueMs: number, { clock, signal }: PlayOptions): Promise<void> {
  let waitMs = dueMs - clock.now()
  // Sockets must get their turn even when the source is always ready and always late.
  if (waitMs <= 0) await letOthersRun(undefined)
  for (; waitMs > 0; waitMs = dueMs - clock.now()) {
    await clock.delay(Math.min(waitMs, LONGEST_WAIT_MS), signal)
  }
}
