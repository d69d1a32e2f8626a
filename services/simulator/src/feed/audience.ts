import { TapedeckError } from '@tapedeck/core'
import type { Session } from './session.ts'

/** Everybody who listens, and the symbols that at least one of them wants. */
export class Audience {
  readonly sessions = new Set<Session>()
  #symbols: ReadonlySet<string> = new Set()
  #next = Promise.withResolvers<void>()

  /** Symbols in demand, in the order in which they were asked for. */
  get symbols(): ReadonlySet<string> {
    return this.#symbols
  }

  /** The token of each open connection. */
  get openTokens(): readonly string[] {
    return [...this.sessions].filter(({ isOpen }) => isOpen).map(({ token }) => token)
  }

  /** To be called after any change; wakes whoever waits in `changed`. */
  refresh(): void {
    const symbols = new Set<string>()
    for (const session of this.sessions) {
      if (!session.isOpen) this.sessions.delete(session)
      else for (const symbol of session.subscribed) symbols.add(symbol)
    }
    this.#symbols = symbols
    const woken = this.#next
    this.#next = Promise.withResolvers<void>()
    woken.resolve()
  }

  /** Resolves on the next change. @throws ABORTED when `signal` aborts first. */
  async changed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void =>
      aborted.reject(new TapedeckError('ABORTED', 'Waiting for subscriptions was aborted'))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([this.#next.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
