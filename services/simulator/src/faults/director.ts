import { hasCode, type Clock } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { Counts } from '../counts.ts'
import type { AccessRules } from '../feed/server.ts'
import type { Audience, Client } from '../feed/client.ts'
import { contentOf, filled } from './content.ts'
import type { Fault } from './fault.ts'
import type { Scenario, Trigger } from './scenario.ts'

interface DirectorParts {
  readonly audience: Audience
  readonly accessRules: AccessRules
  readonly counts: Counts
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly log: Logger
}

/** The progress of a scenario. */
export interface ScenarioProgress {
  readonly name: string
  readonly stepsDone: number
  readonly steps: number
  /** What the next step waits for; undefined once all are done. */
  readonly waitsFor: Trigger | undefined
}

interface Playing {
  readonly scenario: Scenario
  /** Connections that had ended when it began; those still open count as its first ones. */
  readonly connectionsBefore: number
  done: number
  /** Frames of the source and signals since the last step. */
  frames: number
  signals: Set<string>
  isTimeUp: boolean
}

/**
 * Performs faults: at once, or step by step by a scenario. A step is performed inside the event that its
 * trigger waits for, so `frames: 10` is between the tenth frame and the next.
 */
export class Director {
  readonly #parts: DirectorParts
  #connections = 0
  #playing: Playing | undefined
  #isAdvancing = false

  constructor(parts: DirectorParts) {
    this.#parts = parts
  }

  get progress(): ScenarioProgress | undefined {
    if (this.#playing === undefined) return undefined
    const { scenario, done } = this.#playing
    const { name, steps } = scenario
    return { name, stepsDone: done, steps: steps.length, waitsFor: steps[done]?.when }
  }

  /** Begins a scenario; it replaces the current one, whose faults stay. */
  play(scenario: Scenario): void {
    this.#playing = {
      scenario,
      connectionsBefore: this.#connections - this.#parts.audience.clients.size,
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

  /** A handshake was accepted. */
  connected(client: Client): void {
    this.#connections++
    const { audience, accessRules } = this.#parts
    const rivals = [...audience.clients].filter(
      (other) => other !== client && other.isOpen && other.token === client.token
    )
    if (accessRules.keyRule === 'kill' && rivals.length > 0) {
      for (const one of [client, ...rivals]) one.cut()
    }
    this.#advance()
  }

  /** The subscriptions or the connections changed. */
  changed(): void {
    this.#advance()
  }

  /** A frame of the source was sent. */
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
    // A fault can cause an event that calls this again; the next step waits until the fault is performed.
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

  /** Starts the timer of a step that waits for time. */
  #await(playing: Playing): void {
    const ms = playing.scenario.steps[playing.done]?.when?.ms
    if (ms !== undefined) void this.#timeUp(playing, ms)
  }

  async #timeUp(playing: Playing, ms: number): Promise<void> {
    const { done } = playing
    try {
      await this.#parts.clock.delay(ms, this.#parts.signal)
    } catch (error) {
      if (!hasCode(error, 'ABORTED')) this.#parts.log.error({ err: error }, 'scenario stopped')
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
    const newest = [...this.#parts.audience.clients].at(-1)
    return when.subscribed !== undefined && (newest?.subscribed.size ?? -1) >= when.subscribed
  }
}

/** What faults apply to. */
interface FaultTargets {
  readonly audience: Audience
  readonly accessRules: AccessRules
  readonly counts: Counts
  readonly clock: Clock
}

/** Applies a fault to the next handshakes or to every open connection. */
function performFault(fault: Fault, targets: FaultTargets): void {
  const { accessRules, audience } = targets
  const open = [...audience.clients].filter(({ isOpen }) => isOpen)
  switch (fault.do) {
    case 'refuse':
      return accessRules.refuse(fault.status, fault.times)
    case 'accept':
      return accessRules.accept()
    case 'key':
      accessRules.keyRule = fault.rule
      return
    case 'limit':
      accessRules.maxSymbols = fault.symbols
      return
    case 'close':
      return open.forEach((one) => one.end(fault.code ?? 1000, fault.reason ?? ''))
    case 'cut':
      return open.forEach((one) => one.cut())
    case 'mute':
      return open.forEach((one) => (one.voice = fault.pings === false ? 'nothing' : 'pings'))
    case 'unmute':
      return open.forEach((one) => (one.voice = 'all'))
    case 'freeze':
      return open.forEach((one) => one.freeze())
    case 'thaw':
      return open.forEach((one) => one.thaw())
    case 'send':
      return inject(fault.text, fault.times ?? 1, open, targets)
    case 'content':
      return inject(contentOf(fault.content), fault.times ?? 1, open, targets)
    case 'repeat':
      return open.forEach((one) => one.repeat(fault.times, fault.frames))
    case 'wait':
  }
}

function inject(
  text: string,
  times: number,
  open: readonly Client[],
  { clock, counts }: FaultTargets
): void {
  for (const one of open) {
    for (let i = 0; i < times; i++) {
      if (one.inject(filled(text, clock.now(), one.subscribed))) counts.injected()
    }
  }
}
