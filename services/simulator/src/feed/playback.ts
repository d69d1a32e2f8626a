import { setImmediate as letOthersRun } from 'node:timers/promises'
import { TapedeckError, type Clock, type Variable } from '@tapedeck/core'
import type { Audience, Played } from './client.ts'
import type { TextFrame } from './frame.ts'

/** Frames that are due together. */
export interface FrameBatch {
  readonly frames: readonly TextFrame[]
  /**
   * The position on the source's own time line, ms, which the pace converts to a wall time; undefined before
   * the first one, when frames are due at once.
   */
  readonly positionMs: number | undefined
  /** The recorded connection ended before these frames: every client is disconnected first. */
  readonly isNewConnection?: boolean
}

export interface PlayOptions {
  readonly audience: Audience
  readonly pace: Pace
  readonly clock: Clock
  readonly signal: AbortSignal
  /** A tape waits for subscriptions and for the slowest client; a market does neither. */
  readonly gate: StartGate | undefined
  readonly onPlayed: (played: Played) => void
}

/** setTimeout takes no more than 24 days; a recorded gap may be longer. */
const LONGEST_WAIT_MS = 3_600_000
const SERVICE_RESTART = 1012

/**
 * Plays a source to its audience until it ends: each batch when it is due, to each client the symbols that it
 * subscribed to. With a gate nothing is dropped: the next batch is read only when every client has room for
 * it, so the slowest client sets the speed.
 *
 * @throws ABORTED when `signal` aborts; whatever the source throws.
 */
export async function play(source: AsyncIterable<FrameBatch>, options: PlayOptions): Promise<void> {
  const { audience, gate, pace, signal, onPlayed } = options
  for await (const { frames, positionMs, isNewConnection } of source) {
    await waitUntilDue(positionMs === undefined ? 0 : pace.dueMs(positionMs), options)
    if (isNewConnection === true) await endConnections(options)
    if (signal.aborted) throw new TapedeckError('ABORTED', 'Playing was aborted')
    const hasPaused = gate !== undefined && (await gate.pass(signal))
    if (hasPaused && positionMs !== undefined) pace.restart(positionMs)
    for (const client of audience.clients) onPlayed(client.play(frames, gate !== undefined))
    if (gate === undefined) continue
    for (const client of audience.clients) await client.drained(signal)
  }
  for (const client of audience.clients) await client.drained(signal, true)
}

/** Waits until clients received everything sent; the gate then pauses the source until a client is back. */
async function endConnections({ audience, signal }: PlayOptions): Promise<void> {
  const clients = [...audience.clients]
  await Promise.all(clients.map((client) => client.drained(signal, true)))
  await Promise.all(clients.map((client) => client.close(SERVICE_RESTART, 'recorded end')))
}

async function waitUntilDue(dueMs: number, { clock, signal }: PlayOptions): Promise<void> {
  let waitMs = dueMs - clock.now()
  // Sockets must be served even when the source is always ready and always late.
  if (waitMs <= 0) await letOthersRun(undefined)
  for (; waitMs > 0; waitMs = dueMs - clock.now()) {
    await clock.delay(Math.min(waitMs, LONGEST_WAIT_MS), signal)
  }
}

/** Converts positions of a source to wall times. */
interface Pace {
  /** When to send the frames at `positionMs`, epoch ms; a past time means at once. */
  dueMs(positionMs: number): number
  /** After a pause: `positionMs` is due now, and later positions keep their distance to it. */
  restart(positionMs: number): void
}

/** Playback that is further behind than this does not catch up. */
export const CATCH_UP_LIMIT_MS = 1000
/** With gaps skipped, the longest wait. */
const GAP_LIMIT_MS = 5000

/** The source's positions are wall times already. */
export const livePace: Pace = { dueMs: (positionMs) => positionMs, restart() {} }

/** As fast as clients receive. */
export const fullSpeed: Pace = { dueMs: () => 0, restart() {} }

/**
 * `speed` times as fast as recorded, without drift: times are measured from one anchor, which moves
 * only when playback falls more than a second behind or when a gap is skipped.
 */
export function recordedPace(speed: number, skipGaps: boolean, clock: Clock): Pace {
  let anchor: { readonly wallMs: number; readonly positionMs: number } | undefined
  return {
    dueMs(positionMs) {
      const nowMs = clock.now()
      anchor ??= { wallMs: nowMs, positionMs }
      const dueMs = anchor.wallMs + (positionMs - anchor.positionMs) / speed
      const latestMs = skipGaps ? nowMs + GAP_LIMIT_MS : Infinity
      const boundedMs = dueMs < nowMs - CATCH_UP_LIMIT_MS ? nowMs : Math.min(dueMs, latestMs)
      if (boundedMs !== dueMs) anchor = { wallMs: boundedMs, positionMs }
      return boundedMs
    },
    restart(positionMs) {
      anchor = { wallMs: clock.now(), positionMs }
    }
  }
}

/**
 * When a tape begins. `quiet`: at least one symbol is subscribed, and no subscription has changed for
 * `quietMs`, so a client has named all its symbols. `subscribed`: this many different symbols are
 * subscribed.
 */
export type StartRule =
  | { readonly kind: 'quiet'; readonly quietMs: number }
  | { readonly kind: 'subscribed'; readonly symbols: number }

const DEFAULT_START: StartRule = { kind: 'quiet', quietMs: 200 }

/** SIMULATOR_START: `quiet:200ms` or `subscribed:4`. */
export function startVariable(): Variable<StartRule> {
  return {
    fallback: DEFAULT_START,
    required: true,
    secret: false,
    expected: 'quiet:<duration> such as quiet:200ms, or subscribed:<symbols> such as subscribed:4',
    parse(found) {
      const [, quiet, unit, symbols] =
        /^(?:quiet:(\d{1,6})(ms|s)|subscribed:([1-9]\d{0,3}))$/.exec(found) ?? []
      if (symbols !== undefined) return { kind: 'subscribed', symbols: Number(symbols) }
      if (quiet === undefined) return undefined
      return { kind: 'quiet', quietMs: Number(quiet) * (unit === 's' ? 1000 : 1) }
    }
  }
}

/** Holds a tape until its start rule holds, and again whenever no symbol is subscribed. */
export class StartGate {
  readonly #rule: StartRule
  readonly #audience: Audience
  readonly #clock: Clock
  #isOpen = false

  constructor(rule: StartRule, audience: Audience, clock: Clock) {
    this.#rule = rule
    this.#audience = audience
    this.#clock = clock
  }

  /** Returns whether it had to wait. @throws ABORTED when `signal` aborts. */
  async pass(signal: AbortSignal): Promise<boolean> {
    if (this.#isOpen && this.#audience.symbols.size > 0) return false
    this.#isOpen = false
    if (this.#rule.kind === 'subscribed') await this.#atLeast(this.#rule.symbols, signal)
    else await this.#quiet(this.#rule.quietMs, signal)
    this.#isOpen = true
    return true
  }

  async #atLeast(symbols: number, signal: AbortSignal): Promise<void> {
    while (this.#audience.symbols.size < symbols) await this.#audience.changed(signal)
  }

  async #quiet(quietMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#atLeast(1, signal)
      const before = this.#audience.symbols
      await this.#clock.delay(quietMs, signal)
      // The set is replaced on every change, so the same set means no change.
      if (this.#audience.symbols === before) return
    }
  }
}
