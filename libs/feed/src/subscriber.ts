import type { Clock } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import type { StandingChange, Subscriptions } from './subscriptions.ts'
import { waited } from './watch.ts'

export interface SubscriberSetup {
  readonly protocol: FeedProtocol
  readonly subscriptions: Subscriptions
  readonly paceMs: number
  readonly clock: Clock
  /** Aborts with the connection. */
  readonly signal: AbortSignal
  readonly send: (text: string) => void
  readonly onStanding: (change: StandingChange) => void
  /** All that is wanted was asked for or is over the limit; told once. */
  readonly onSubscribed: () => void
}

/**
 * Sends on one connection what makes the asked-for set the wanted one: one symbol a message, so that
 * an error can be put down to it, and at a pace. Held while the line is, so that the acknowledgements
 * of a reader that lags do not pile up.
 */
export class Subscriber {
  readonly #setup: SubscriberSetup
  #isStarted = false
  #isHeld = false
  #isAsking = false
  #isSubscribed = false

  constructor(setup: SubscriberSetup) {
    this.#setup = setup
    setup.subscriptions.restart()
  }

  /** From now on the feed may be asked. */
  start(): void {
    this.#isStarted = true
    this.ask()
  }

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.ask()
  }

  /** Call it when what is wanted may have changed. */
  ask(): void {
    if (this.#isAsking || !this.#mayAsk) return
    this.#isAsking = true
    void this.#askAll()
  }

  acknowledged(symbols: readonly string[]): void {
    this.#setup.subscriptions.acknowledge(symbols)
    this.#report()
  }

  overLimit(reason: string): void {
    this.#setup.subscriptions.overLimit(reason)
    this.#report()
    this.ask()
  }

  get #mayAsk(): boolean {
    return this.#isStarted && !this.#isHeld && !this.#setup.signal.aborted
  }

  async #askAll(): Promise<void> {
    const { protocol, subscriptions, paceMs, clock, signal, send, onSubscribed } = this.#setup
    while (this.#mayAsk) {
      const step = subscriptions.next()
      this.#report()
      if (step === undefined) {
        if (!this.#isSubscribed) onSubscribed()
        this.#isSubscribed = true
        break
      }
      for (const text of protocol[step.action]([step.symbol])) send(text)
      await waited(paceMs, clock, signal)
    }
    this.#isAsking = false
  }

  #report(): void {
    for (const change of this.#setup.subscriptions.takeChanges()) this.#setup.onStanding(change)
  }
}
