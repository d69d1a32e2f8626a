import type { FeedStanding } from './feed-event.ts'

/** The next message about one symbol. */
export interface SubscriptionStep {
  readonly action: 'subscribe' | 'unsubscribe'
  readonly symbol: string
}

export interface StandingChange {
  readonly symbol: string
  readonly standing: FeedStanding
  readonly reason: string | null
}

/**
 * The set of symbols wanted and the set asked for on the present connection; says step by step how to
 * make the second the first. Pure: it sends nothing and knows no time.
 *
 * A feed's "too many" names no symbol, so it is taken to mean the last one asked for that is not
 * acknowledged. From then on the connection has no more room than what stands; a symbol left out is
 * asked for again as soon as another goes.
 */
export class Subscriptions {
  #wanted: Set<string>
  /** In the order of asking. */
  readonly #asked = new Map<string, 'asked for' | 'acknowledged'>()
  readonly #over = new Set<string>()
  readonly #again = new Set<string>()
  /** Just taken off to be asked for again: before any other. */
  #first: string | undefined
  #room = Infinity
  #limit: string | null = null
  #changes: StandingChange[] = []

  constructor(wanted: readonly string[]) {
    this.#wanted = new Set(wanted)
  }

  want(symbols: readonly string[]): void {
    this.#wanted = new Set(symbols)
    for (const symbol of this.#over) {
      if (this.#wanted.has(symbol)) continue
      this.#over.delete(symbol)
      this.#changed(symbol, 'unsubscribed', null)
    }
  }

  /** Takes a symbol off and asks for it anew; nothing when it is not asked for at present. */
  again(symbol: string): void {
    if (this.#asked.has(symbol)) this.#again.add(symbol)
  }

  /** A new connection: nothing was asked for, no limit is known. */
  restart(): void {
    this.#asked.clear()
    this.#over.clear()
    this.#again.clear()
    this.#first = undefined
    this.#room = Infinity
    this.#limit = null
    this.#changes = []
  }

  /** The next message to send, taken as sent; undefined when wanted and asked for agree. */
  next(): SubscriptionStep | undefined {
    return this.#removal() ?? this.#addition()
  }

  /** The feed says that it now sends these. */
  acknowledge(symbols: readonly string[]): void {
    for (const symbol of symbols) {
      if (this.#asked.get(symbol) !== 'asked for') continue
      this.#asked.set(symbol, 'acknowledged')
      this.#changed(symbol, 'acknowledged', null)
    }
  }

  /** The feed says that it was asked for too many. */
  overLimit(reason: string): void {
    const asked = [...this.#asked]
    const [symbol] =
      asked.findLast(([, standing]) => standing === 'asked for') ?? asked.at(-1) ?? []
    this.#limit = reason
    if (symbol === undefined) {
      this.#room = 0
      return
    }
    this.#asked.delete(symbol)
    this.#room = this.#asked.size
    this.#leaveOut(symbol)
  }

  /** What changed since the last call. */
  takeChanges(): readonly StandingChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  #removal(): SubscriptionStep | undefined {
    for (const symbol of this.#asked.keys()) {
      if (this.#wanted.has(symbol)) continue
      this.#asked.delete(symbol)
      this.#changed(symbol, 'unsubscribed', null)
      return { action: 'unsubscribe', symbol }
    }
    for (const symbol of this.#again) {
      this.#again.delete(symbol)
      if (!this.#asked.delete(symbol)) continue
      this.#first = symbol
      return { action: 'unsubscribe', symbol }
    }
    return undefined
  }

  #addition(): SubscriptionStep | undefined {
    const first = this.#first
    this.#first = undefined
    if (first !== undefined && this.#wanted.has(first)) return this.#ask(first)
    for (const symbol of this.#wanted) {
      if (this.#asked.has(symbol)) continue
      if (this.#asked.size < this.#room) return this.#ask(symbol)
      if (!this.#over.has(symbol)) this.#leaveOut(symbol)
    }
    return undefined
  }

  #ask(symbol: string): SubscriptionStep {
    this.#over.delete(symbol)
    this.#asked.set(symbol, 'asked for')
    this.#changed(symbol, 'asked for', null)
    return { action: 'subscribe', symbol }
  }

  #leaveOut(symbol: string): void {
    this.#over.add(symbol)
    this.#changed(symbol, 'over the limit', this.#limit)
  }

  #changed(symbol: string, standing: FeedStanding, reason: string | null): void {
    this.#changes.push({ symbol, standing, reason })
  }
}
