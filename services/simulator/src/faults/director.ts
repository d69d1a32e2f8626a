import { hasCode, type Clock } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { Counts } from '../counts.ts'
import type { Admission } from '../feed/admission.ts'
import type { Audience } from '../feed/audience.ts'
import type { Session } from '../feed/session.ts'
import type { Fault } from './fault.ts'
import { performFault } from './perform-fault.ts'
import type { Scenario, Trigger } from './scenario.ts'

export interface DirectorParts {
  readonly audience: Audience
  readonly admission: Admission
  readonly counts: Counts
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly log: Logger
}

/** How far a scenario has come. */
export interface Progress {
  readonly name: string
  readonly stepsDone: number
  readonly steps: number
  /** What the next step waits for; undefined once all are done. */
  readonly waitsFor: Trigger | undefined
}

interface Playing {
  readonly scenario: Scenario
  /** Connections that were gone when it began: its first is the first of the others. */
  readonly connectionsBefore: number
  done: number
  /** Frames of the source and signals since the last step. */
  frames: number
  signals: Set<string>
  isTimeUp: boolean
}

/**
 * Lets things go wrong: at once, or step by step as a scenario says. Steps are done in the very
 * event that their trigger waits for, so `frames: 10` comes between the tenth frame and the next.
 */
export class Director {
  readonly #parts: DirectorParts
  #connections = 0
  #playing: Playing | undefined
  #isAdvancing = false

  constructor(parts: DirectorParts) {
    this.#parts = parts
  }

  get progress(): Progress | undefined {
    if (this.#playing === undefined) return undefined
    const { scenario, done } = this.#playing
    const { name, steps } = scenario
    return { name, stepsDone: done, steps: steps.length, waitsFor: steps[done]?.when }
  }

  /** Begins a scenario in place of the one that is played; what that one did stays. */
  play(scenario: Scenario): void {
    this.#playing = {
      scenario,
      connectionsBefore: this.#connections - this.#parts.audience.sessions.size,
      done: 0,
      frames: 0,
      signals: new Set(),
      isTimeUp: false
    }
    this.#parts.log.info({ scenario: scenario.name, about: scenario.about }, 'scenario begins')
    this.#await(this.#playing)
    this.#advance()
  }

  perform(fault: Fault): void {
    this.#parts.counts.fault(fault.do)
    this.#parts.log.info({ ...fault }, 'fault')
    performFault(fault, this.#parts)
  }

  /** A connection was let in. */
  connected(session: Session): void {
    this.#connections++
    const { audience, admission } = this.#parts
    const rivals = [...audience.sessions].filter(
      (other) => other !== session && other.isOpen && other.token === session.token
    )
    if (admission.keyRule === 'kill' && rivals.length > 0) {
      for (const one of [session, ...rivals]) one.cut()
    }
    this.#advance()
  }

  /** Somebody subscribed, unsubscribed or left. */
  changed(): void {
    this.#advance()
  }

  /** A frame of the source went out. */
  frameSent(): void {
    if (this.#playing === undefined) return
    this.#playing.frames++
    this.#advance()
  }

  signalled(name: string): void {
    this.#playing?.signals.add(name)
    this.#advance()
  }

  #advance(): void {
    // A fault changes things, which leads here again: the step after it waits for its end.
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    try {
      while (this.#doNext(this.#playing)) {
        // The next step may be due already.
      }
    } finally {
      this.#isAdvancing = false
    }
  }

  #doNext(playing: Playing | undefined): boolean {
    const step = playing?.scenario.steps[playing.done]
    if (playing === undefined || step === undefined) return false
    if (!this.#holds(step.when, playing)) return false
    playing.done++
    playing.frames = 0
    playing.signals.clear()
    playing.isTimeUp = false
    this.#await(playing)
    const { when: _, ...fault } = step
    this.perform(fault)
    return true
  }

  /** Starts the clock of a step that waits for time. */
  #await(playing: Playing): void {
    const ms = playing.scenario.steps[playing.done]?.when?.ms
    if (ms !== undefined) void this.#timeUp(playing, ms)
  }

  async #timeUp(playing: Playing, ms: number): Promise<void> {
    const { done } = playing
    try {
      await this.#parts.clock.delay(ms, this.#parts.signal)
    } catch (error) {
      if (!hasCode(error, 'ABORTED')) this.#parts.log.error({ err: error }, 'scenario stands still')
      return
    }
    if (playing !== this.#playing || playing.done !== done) return
    playing.isTimeUp = true
    this.#advance()
  }

  #holds(when: Trigger | undefined, playing: Playing): boolean {
    if (when === undefined) return true
    if (when.frames !== undefined) return playing.frames >= when.frames
    if (when.ms !== undefined) return playing.isTimeUp
    if (when.connection !== undefined) {
      return this.#connections - playing.connectionsBefore >= when.connection
    }
    if (when.signal !== undefined) return playing.signals.has(when.signal)
    const newest = [...this.#parts.audience.sessions].at(-1)
    return when.subscribed !== undefined && (newest?.subscribed.size ?? -1) >= when.subscribed
  }
}
