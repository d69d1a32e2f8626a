import { messageOf, withoutSecrets } from '@tapedeck/core'
import { recordsOf, type FeedProtocol, type Frame } from '@tapedeck/domain'
import type { Feed, FeedEvent, FrameEvent } from '@tapedeck/feed'
import type { SymbolStanding } from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { DeadLetterSink } from './aside.ts'
import type { FeedFacts } from './feed-status.ts'
import type { OutageTracker } from './gap-keeper.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { ProducerMetrics } from './producer-metrics.ts'
import { SilenceDetector } from './silence-detector.ts'

export interface FrameHandlerDeps {
  readonly feedName: string
  readonly protocol: FeedProtocol
  readonly outbox: Pick<Outbox, 'add'>
  readonly aside: DeadLetterSink
  readonly gaps: OutageTracker
  readonly metrics: ProducerMetrics
  readonly log: Logger
}

type Verdict = { readonly standing: SymbolStanding; readonly reason: string }

/** The part of FeedFacts that the events of a feed tell. */
export type FollowedFacts = Pick<
  FeedFacts,
  'connection' | 'connectedMs' | 'outage' | 'lastError' | 'lastTradeMs' | 'symbols' | 'verdicts'
>

/** Reads a feed's events: publishes trades, keeps gaps, and knows how every symbol stands. */
export class FrameHandler {
  readonly #deps: FrameHandlerDeps
  readonly #watch = new SilenceDetector()
  readonly #verdicts = new Map<string, Verdict>()
  #connection: string | null = null
  #connectedMs: number | null = null
  /** All that is wanted was asked for on this connection. */
  #isSubscribed = false
  #outage: FeedFacts['outage'] = null
  #lastError: string | null = null
  #lastTradeMs: number | null = null
  #handledMs: number | null = null

  constructor(deps: FrameHandlerDeps) {
    this.#deps = deps
  }

  /** Receive time of the last frame that was taken in wholly; null before the first. */
  get handledMs(): number | null {
    return this.#handledMs
  }

  /** Reads until the feed ends. @throws FEED_REFUSED */
  async follow(feed: Feed): Promise<void> {
    for await (const event of feed.events) await this.#take(event)
    this.#connectedMs = null
  }

  /** @param overflow wanted as well, but not followed: shown, no more */
  setSymbols(symbols: readonly string[], overflow: readonly string[], nowMs: number): void {
    this.#watch.setSymbols([...symbols, ...overflow], nowMs)
    this.#deps.gaps.setSymbols(symbols)
  }

  /** Something other than the feed speaks against a symbol, such as the vendor's list. */
  judge(symbol: string, verdict: Verdict): void {
    this.#verdicts.set(symbol, verdict)
  }

  /** Asks once in each quiet spell again for symbols that are silent beyond their usual. */
  nudge(feed: Feed, nowMs: number): void {
    if (this.#connectedMs === null) return
    for (const symbol of this.#watch.drainSilent(nowMs)) {
      this.#deps.log.warn({ symbol }, 'silent beyond the usual: asking for it again')
      this.#deps.metrics.resubscriptions.inc()
      feed.resubscribe(symbol)
    }
  }

  facts(nowMs: number): FollowedFacts {
    return {
      connection: this.#connection,
      connectedMs: this.#connectedMs,
      outage: this.#outage,
      lastError: this.#lastError,
      lastTradeMs: this.#lastTradeMs,
      symbols: this.#watch.states(nowMs),
      verdicts: this.#verdicts
    }
  }

  async #take(event: FeedEvent): Promise<void> {
    const { metrics, log, gaps } = this.#deps
    switch (event.kind) {
      case 'frame':
        await this.#takeFrame(event)
        return
      case 'connected':
        this.#connection = event.connection
        this.#connectedMs = event.atMs
        this.#isSubscribed = false
        this.#outage = null
        this.#watch.restarted(event.atMs)
        metrics.connections.inc()
        metrics.connected.set(1)
        log.info({ connection: event.connection }, 'feed connected')
        return
      case 'subscribed':
        this.#isSubscribed = true
        log.info({ connection: event.connection }, 'all symbols are asked for')
        return
      case 'standing':
        this.#takeStanding(event.symbol, event.standing, event.reason)
        return
      case 'disconnected':
        this.#connectedMs = null
        this.#outage = { cause: event.cause, retryMs: event.atMs + event.retryInMs }
        gaps.lost(event.cause, event.atMs)
        metrics.disconnections.inc()
        metrics.connected.set(0)
        log.warn({ cause: event.cause, retryInMs: event.retryInMs }, 'feed disconnected')
    }
  }

  async #takeFrame(event: FrameEvent): Promise<void> {
    await this.#readFrame(event)
    this.#handledMs = event.receivedAt
  }

  async #readFrame(event: FrameEvent): Promise<void> {
    const { protocol, metrics, gaps, aside, log } = this.#deps
    metrics.lastFrame.set(event.receivedAt / 1000)
    gaps.frame(event.receivedAt, this.#isSubscribed)
    const frame = protocol.parse(event.text)
    metrics.frames.inc({ kind: frame.kind })
    switch (frame.kind) {
      case 'trades':
        await this.#takeTrades(frame, event)
        return
      case 'malformed':
        aside.add(frame.reason, event.text)
        return
      case 'error':
        this.#lastError = withoutSecrets(frame.message)
        log.warn({ message: this.#lastError, meaning: frame.meaning }, 'error from the feed')
        return
      default:
    }
  }

  async #takeTrades(frame: Extract<Frame, { kind: 'trades' }>, event: FrameEvent): Promise<void> {
    const { outbox, aside, metrics, feedName, log } = this.#deps
    for (const { reason, raw } of frame.refused) aside.add(reason, raw)
    const records = recordsOf(frame.trades, { ...event, feed: feedName }, frame.amendments)
    metrics.tradesReceived.inc(frame.trades.length)
    if (frame.trades.length > 0) this.#lastTradeMs = event.receivedAt
    for (const { symbol } of records) this.#watch.traded(symbol, event.receivedAt)
    try {
      await outbox.add(records)
    } catch (error) {
      log.error({ err: error, reason: messageOf(error) }, 'records cannot be taken in')
      throw error
    }
  }

  #takeStanding(symbol: string, standing: string, reason: string | null): void {
    if (standing === 'over the limit') {
      const words = reason ?? 'the feed sends no more symbols'
      this.#verdicts.set(symbol, { standing: 'over the limit', reason: words })
      this.#deps.log.warn({ symbol, reason: words }, 'over the limit of the plan: not followed')
    } else if (this.#verdicts.get(symbol)?.standing === 'over the limit') {
      this.#verdicts.delete(symbol)
    }
  }
}
