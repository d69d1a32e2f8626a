import type { Clock, Variable } from '@tapedeck/core'
import type { Audience } from './audience.ts'

/**
 * When a tape begins to play. `quiet`: somebody subscribed, and then nobody for `quietMs`, so that a
 * client has named all its symbols. `subscribed`: that many different symbols are in demand.
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

/** Holds a tape until its listeners are there, and again whenever all of them have left. */
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

  /** Answers whether it had to wait. @throws ABORTED when `signal` aborts. */
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
      // The set is replaced on every change: the same one means that nothing happened meanwhile.
      if (this.#audience.symbols === before) return
    }
  }
}
