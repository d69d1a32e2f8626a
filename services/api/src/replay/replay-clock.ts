/** How fast a replay goes: so many times as fast as the market did, or as fast as the client reads. */
export type Speed = number | 'max'

/** The speeds that a client may ask for, beside `max`. */
export const SPEEDS = { least: 0.1, most: 1000 } as const

/** How much of a stop is made up for, ms: what follows comes later by the rest. */
const MOST_LAG_MS = 1000

/**
 * Which time of the market it is at a moment of a monotonic clock, `nowMs` of every method. Times of the market are
 * epoch ms.
 */
export class ReplayClock {
  #timeMs: number
  #sinceMs: number
  #speed: Speed
  #isPlaying = true

  constructor(timeMs: number, speed: Speed, nowMs: number) {
    this.#timeMs = timeMs
    this.#sinceMs = nowMs
    this.#speed = speed
  }

  get speed(): Speed {
    return this.#speed
  }

  get isPlaying(): boolean {
    return this.#isPlaying
  }

  /** The time of the market; at `max` that of the newest row that was sent. */
  timeAt(nowMs: number): number {
    if (!this.#isPlaying || this.#speed === 'max') return this.#timeMs
    return this.#timeMs + Math.max(0, nowMs - this.#sinceMs) * this.#speed
  }

  /** Up to which time rows are due: none while paused, all at `max`. */
  dueAt(nowMs: number): number {
    if (!this.#isPlaying) return -Infinity
    return this.#speed === 'max' ? Infinity : this.timeAt(nowMs)
  }

  /** How long until a time is due, ms; Infinity while paused. */
  waitMs(timeMs: number, nowMs: number): number {
    if (!this.#isPlaying) return Infinity
    return this.#speed === 'max' ? 0 : Math.max(0, timeMs - this.timeAt(nowMs)) / this.#speed
  }

  /** Rows up to a time were sent. */
  reach(timeMs: number): void {
    if (this.#speed === 'max') this.#timeMs = Math.max(this.#timeMs, timeMs)
  }

  /** Nothing could be sent since another moment: the market stood still meanwhile, but for a short lag. */
  standStill(sinceMs: number, nowMs: number): void {
    this.#sinceMs += Math.max(0, nowMs - sinceMs - MOST_LAG_MS)
  }

  /** Goes on from another time. */
  seek(timeMs: number, nowMs: number): void {
    this.#timeMs = timeMs
    this.#sinceMs = nowMs
  }

  setSpeed(speed: Speed, nowMs: number): void {
    this.seek(this.timeAt(nowMs), nowMs)
    this.#speed = speed
  }

  pause(nowMs: number): void {
    this.seek(this.timeAt(nowMs), nowMs)
    this.#isPlaying = false
  }

  play(nowMs: number): void {
    this.seek(this.timeAt(nowMs), nowMs)
    this.#isPlaying = true
  }
}
