import type { Clock } from '@tapedeck/core'
import type { FeedProtocol } from '@tapedeck/domain'
import type { FeedEvent, FeedStanding } from './feed-event.ts'
import type { FeedTimes } from './feed-options.ts'

/** The next message about one symbol. */
interface SubscriptionStep {
  readonly action: 'subscribe' | 'unsubscribe'
  readonly symbol: string
}

interface StandingChange {
  readonly symbol: string
  readonly standing: FeedStanding
  readonly reason: string | null
}

/**
 * The wanted symbols and those requested on the present connection. Yields, one by one, the messages that
 * make the second set equal to the first. Pure: it sends nothing and uses no time.
 *
 * A feed's "too many" names no symbol, so it is taken to mean the last one requested that is not
 * acknowledged. From then on the connection has room for the remaining ones only; a symbol left out is
 * requested again as soon as another is unsubscribed. A symbol that the feed rejects takes no room and is requested
 * again when `askAgain` says so.
 */
export class Subscriptions {
  #list: readonly string[]
  #wanted: Set<string>
  /** In the order of the requests. */
  readonly #requested = new Map<string, 'asked for' | 'acknowledged'>()
  readonly #leftOut = new Set<string>()
  readonly #rejected = new Set<string>()
  readonly #renewals = new Set<string>()
  /** Unsubscribed in order to be requested again, before any other. */
  #renewed: string | undefined
  #room = Infinity
  #limitReason: string | null = null
  #changes: StandingChange[] = []

  constructor(wanted: readonly string[]) {
    this.#list = wanted
    this.#wanted = new Set(wanted)
  }

  /** The wanted symbols, the same array as it was given. */
  get wanted(): readonly string[] {
    return this.#list
  }

  want(symbols: readonly string[]): void {
    this.#list = symbols
    this.#wanted = new Set(symbols)
    for (const unsent of [this.#leftOut, this.#rejected]) {
      for (const symbol of unsent) {
        if (this.#wanted.has(symbol)) continue
        unsent.delete(symbol)
        this.#changed(symbol, 'unsubscribed', null)
      }
    }
  }

  /** Unsubscribes and requests a symbol again; nothing when it is not requested at present. */
  renew(symbol: string): void {
    if (this.#requested.has(symbol)) this.#renewals.add(symbol)
  }

  /** A new connection: nothing is requested, no limit is known. */
  restart(): void {
    this.#requested.clear()
    this.#leftOut.clear()
    this.#rejected.clear()
    this.#renewals.clear()
    this.#renewed = undefined
    this.#room = Infinity
    this.#limitReason = null
    this.#changes = []
  }

  /** The next message to send, counted as sent; undefined when wanted and requested agree. */
  next(): SubscriptionStep | undefined {
    return this.#removal() ?? this.#addition()
  }

  /** The feed confirmed that it sends these. */
  acknowledge(symbols: readonly string[]): void {
    for (const symbol of symbols) {
      if (this.#requested.get(symbol) !== 'asked for') continue
      this.#requested.set(symbol, 'acknowledged')
      this.#changed(symbol, 'acknowledged', null)
    }
  }

  /** The feed refused the number of symbols. */
  overLimit(reason: string): void {
    const requested = [...this.#requested]
    const [symbol] =
      requested.findLast(([, standing]) => standing === 'asked for') ?? requested.at(-1) ?? []
    this.#limitReason = reason
    if (symbol === undefined) {
      this.#room = 0
      return
    }
    this.#requested.delete(symbol)
    this.#room = this.#requested.size
    this.#leaveOut(symbol)
  }

  /** The feed rejected a symbol; false when it is not requested at present. */
  reject(symbol: string, reason: string): boolean {
    if (!this.#requested.delete(symbol)) return false
    this.#rejected.add(symbol)
    this.#changed(symbol, 'rejected', reason)
    return true
  }

  /** A symbol that the feed rejected is requested again. */
  askAgain(symbol: string): void {
    this.#rejected.delete(symbol)
  }

  /** The changes since the last call. */
  drainChanges(): readonly StandingChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  #removal(): SubscriptionStep | undefined {
    for (const symbol of this.#requested.keys()) {
      if (this.#wanted.has(symbol)) continue
      this.#requested.delete(symbol)
      this.#changed(symbol, 'unsubscribed', null)
      return { action: 'unsubscribe', symbol }
    }
    for (const symbol of this.#renewals) {
      this.#renewals.delete(symbol)
      if (!this.#requested.delete(symbol)) continue
      this.#renewed = symbol
      return { action: 'unsubscribe', symbol }
    }
    return undefined
  }

  #addition(): SubscriptionStep | undefined {
    const renewed = this.#renewed
    this.#renewed = undefined
    if (renewed !== undefined && this.#wanted.has(renewed)) return this.#request(renewed)
    for (const symbol of this.#wanted) {
      if (this.#requested.has(symbol) || this.#rejected.has(symbol)) continue
      if (this.#requested.size < this.#room) return this.#request(symbol)
      if (!this.#leftOut.has(symbol)) this.#leaveOut(symbol)
    }
    return undefined
  }

  #request(symbol: string): SubscriptionStep {
    this.#leftOut.delete(symbol)
    this.#requested.set(symbol, 'asked for')
    this.#changed(symbol, 'asked for', null)
    return { action: 'subscribe', symbol }
  }

  #leaveOut(symbol: string): void {
    this.#leftOut.add(symbol)
    this.#changed(symbol, 'over the limit', this.#limitReason)
  }

  #changed(symbol: string, standing: FeedStanding, reason: string | null): void {
    this.#changes.push({ symbol, standing, reason })
  }
}

interface SubscriberSetup {
  readonly protocol: FeedProtocol
  readonly subscriptions: Subscriptions
  readonly connection: string
  readonly times: Pick<FeedTimes, 'paceMs' | 'rejectedMs' | 'rejectedCapMs'>
  readonly clock: Clock
  /** Aborts with the connection. */
  readonly signal: AbortSignal
  readonly send: (text: string) => void
  /**
   * Calls back when the feed has taken in all that was sent before, as far as that can be known, and before any frame
   * that it sent after. Resolves then, or when the connection ends.
   */
  readonly whenTaken: (callback: () => void) => Promise<void>
  readonly offer: (event: FeedEvent) => void
}

/**
 * Sends the subscription messages of one connection at a limited rate, one symbol a message, so that an
 * error can be attributed to a symbol. It is on hold while the connection is, so that acknowledgements do
 * not pile up while the reader lags.
 */
export class Subscriber {
  readonly #setup: SubscriberSetup
  /** How often each symbol was rejected on this connection, and when it is asked for again. */
  readonly #rejections = new Map<string, { readonly count: number; readonly againAtMs: number }>()
  #isStarted = false
  #isHeld = false
  #isSending = false
  /** The last list of wanted symbols that the feed has taken in. */
  #subscribed: readonly string[] | undefined
  /** Something was sent since the feed had last taken all in. */
  #hasSent = false

  constructor(setup: SubscriberSetup) {
    this.#setup = setup
    setup.subscriptions.restart()
  }

  /** The feed now accepts subscriptions. */
  start(): void {
    this.#isStarted = true
    this.update()
  }

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.update()
  }

  /** Sends the missing messages; call it when the wanted symbols may have changed. */
  update(): void {
    if (this.#isSending || !this.#maySend) return
    this.#isSending = true
    void this.#sendSteps()
  }

  acknowledged(symbols: readonly string[]): void {
    this.#setup.subscriptions.acknowledge(symbols)
    for (const symbol of symbols) this.#rejections.delete(symbol)
    this.#reportChanges()
  }

  overLimit(reason: string): void {
    this.#setup.subscriptions.overLimit(reason)
    this.#reportChanges()
    this.update()
  }

  /** The feed rejected a symbol: it is asked for again later, each time after twice the wait. */
  rejected(symbol: string, reason: string): void {
    const { subscriptions, clock, signal, times } = this.#setup
    if (!subscriptions.reject(symbol, reason)) return
    const count = (this.#rejections.get(symbol)?.count ?? 0) + 1
    const waitMs = Math.min(times.rejectedMs * 2 ** (count - 1), times.rejectedCapMs)
    const rejection = { count, againAtMs: clock.now() + waitMs }
    this.#rejections.set(symbol, rejection)
    this.#reportChanges()
    const askAgain = (): void => {
      // It may have been removed, added and rejected since.
      if (this.#rejections.get(symbol) !== rejection) return
      subscriptions.askAgain(symbol)
      this.update()
    }
    clock.delay(waitMs, signal).then(askAgain, () => undefined)
    this.update()
  }

  get #maySend(): boolean {
    return this.#isStarted && !this.#isHeld && !this.#setup.signal.aborted
  }

  async #sendSteps(): Promise<void> {
    const { protocol, subscriptions, times, clock, signal, send } = this.#setup
    while (this.#maySend) {
      const step = subscriptions.next()
      this.#reportChanges()
      if (step === undefined) {
        if (subscriptions.wanted === this.#subscribed && !this.#hasSent) break
        await this.#confirm(subscriptions.wanted)
        continue
      }
      for (const text of protocol[step.action]([step.symbol])) send(text)
      this.#hasSent = true
      await clock.delay(times.paceMs, signal).catch(() => undefined)
    }
    this.#isSending = false
  }

  /** Frames that were on their way when the last request was sent do not show that it was taken in. */
  async #confirm(wanted: readonly string[]): Promise<void> {
    const { subscriptions, connection, clock, whenTaken, offer } = this.#setup
    const report = (): void => {
      if (!this.#maySend || subscriptions.wanted !== wanted) return
      offer({ kind: 'subscribed', connection, atMs: clock.now(), symbols: wanted })
      this.#subscribed = wanted
      this.#hasSent = false
    }
    if (this.#hasSent) await whenTaken(report)
    else report()
  }

  #reportChanges(): void {
    const { subscriptions, connection, clock, offer } = this.#setup
    for (const change of subscriptions.drainChanges()) {
      const againAtMs =
        change.standing === 'rejected' ? this.#rejections.get(change.symbol)?.againAtMs : undefined
      const again = againAtMs === undefined ? {} : { againAtMs }
      offer({ kind: 'standing', connection, atMs: clock.now(), ...change, ...again })
    }
  }
}
