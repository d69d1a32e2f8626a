import { alpacaProtocol } from '@tapedeck/alpaca'
import { withoutSecrets } from '@tapedeck/core'
import { ClockOffset, recordsOf, type FeedProtocol, type Frame } from '@tapedeck/domain'
import {
  createFeed,
  type Feed,
  type FeedEvent,
  type FrameEvent,
  type StandingEvent
} from '@tapedeck/feed'
import { finnhubProtocol } from '@tapedeck/finnhub'
import type { Logger } from '@tapedeck/service'
import type { Capture } from './capture.ts'
import type { ProducerConfig } from './config.ts'
import { CopiedFrames } from './copied-frames.ts'
import type { DeadLetterSink } from './dead-letter-sink.ts'
import type { ProducerMetrics } from './metrics.ts'
import type { OutageTracker } from './outage-tracker.ts'
import type { Outbox } from './outbox/outbox.ts'
import { SilenceDetector } from './silence-detector.ts'
import { clockWarnings, type FeedFacts, type SymbolProblem } from './status.ts'

export interface FrameHandlerDeps {
  readonly outbox: Pick<Outbox, 'add'>
  readonly deadLetters: Pick<DeadLetterSink, 'add'>
  readonly outages: OutageTracker
  readonly metrics: ProducerMetrics
  readonly capture: Capture | undefined
  readonly log: Logger
  /** See LeaseKeeper.mayPublish. */
  mayPublish(): boolean | Promise<boolean>
}

/** The part of FeedFacts that the events of a feed provide. */
type EventFacts = Pick<
  FeedFacts,
  | 'connection'
  | 'connectedMs'
  | 'outage'
  | 'lastError'
  | 'lastTradeMs'
  | 'clockWrongByMs'
  | 'symbols'
  | 'problems'
  | 'copiedFrames'
  | 'copiedTrades'
>

/** Handles the events of the feed: frames become records, outages become gaps; keeps the state of each symbol. */
export class FrameHandler {
  readonly #config: ProducerConfig
  readonly #deps: FrameHandlerDeps
  readonly #protocol: FeedProtocol
  readonly #silence = new SilenceDetector()
  readonly #copies = new CopiedFrames()
  readonly #problems = new Map<string, SymbolProblem>()
  /** Symbols that the feed itself rejected and has not been asked for again. */
  readonly #rejections = new Map<string, SymbolProblem>()
  /** Told in the log already. */
  readonly #everRejected = new Set<string>()
  readonly #clock = new ClockOffset()
  #isClockWrong = false
  #symbols: readonly string[] = []
  #feed: Feed | undefined
  #connection: string | null = null
  #connectedMs: number | null = null
  /** The feed has taken in the subscription to every wanted symbol on this connection. */
  #isSubscribed = false
  #outage: FeedFacts['outage'] = null
  #lastError: string | null = null
  #lastTradeMs: number | null = null
  #handledMs: number | null = null
  #copiedFrames = 0
  #copiedTrades = 0

  constructor(config: ProducerConfig, deps: FrameHandlerDeps) {
    this.#config = config
    this.#deps = deps
    this.#protocol = protocolOf(config)
  }

  /** Receive time of the last frame whose records are all in the outbox; null before the first. */
  get handledMs(): number | null {
    return this.#handledMs
  }

  /** Handles the feed's events one after the other until the signal aborts. @throws FEED_REFUSED */
  async follow(signal: AbortSignal): Promise<void> {
    const { vendor, feedTimes } = this.#config
    const { capture } = this.#deps
    const feed = createFeed(
      this.#protocol,
      {
        symbols: this.#symbols,
        credentials: vendor.credentialName,
        ...(capture !== undefined && { onRaw: (...frame) => capture.frame(...frame) }),
        ...(feedTimes !== undefined && { times: feedTimes })
      },
      signal
    )
    this.#feed = feed
    for await (const event of feed.events) await this.#handle(event)
    this.#feed = undefined
    this.#connectedMs = null
  }

  /** @param overLimit wanted as well, but beyond the plan's limit: shown, not followed */
  setSymbols(symbols: readonly string[], overLimit: readonly string[], nowMs: number): void {
    this.#symbols = symbols
    this.#isSubscribed = false
    this.#silence.setSymbols([...symbols, ...overLimit], nowMs)
    this.#deps.outages.setSymbols(symbols)
    this.#feed?.setSymbols(symbols)
  }

  /** Records why a symbol is not expected to trade, from another source than the feed. */
  noteProblem(symbol: string, problem: SymbolProblem): void {
    this.#problems.set(symbol, problem)
  }

  /** Subscribes again to symbols that are silent for longer than usual, once in each silence. */
  resubscribeSilent(nowMs: number): void {
    if (this.#connectedMs === null) return
    for (const symbol of this.#silence.drainSilent(nowMs)) {
      if (this.#rejections.has(symbol)) continue
      this.#deps.log.warn({ symbol }, 'silent for longer than usual: subscribing again')
      this.#deps.metrics.resubscriptions.inc()
      this.#feed?.resubscribe(symbol)
    }
  }

  /** Counts how far trades are ahead of the clock, and says once that it is wrong, and once that it no longer is. */
  measureClock(nowMs: number): void {
    const { metrics, log } = this.#deps
    const aheadMs = this.#clock.aheadMs(nowMs)
    if (aheadMs !== undefined) metrics.clockAhead.set(aheadMs / 1000)
    const [wrong] = clockWarnings({ clockWrongByMs: this.#clock.wrongByMs(nowMs) })
    if (wrong !== undefined && !this.#isClockWrong) log.warn({ aheadMs }, wrong)
    if (wrong === undefined && this.#isClockWrong) log.warn('trades agree with the clock again')
    this.#isClockWrong = wrong !== undefined
  }

  facts(nowMs: number): EventFacts {
    return {
      connection: this.#connection,
      connectedMs: this.#connectedMs,
      outage: this.#outage,
      lastError: this.#lastError,
      lastTradeMs: this.#lastTradeMs,
      clockWrongByMs: this.#clock.wrongByMs(nowMs),
      symbols: this.#silence.states(nowMs),
      problems: new Map([...this.#problems, ...this.#rejections]),
      copiedFrames: this.#copiedFrames,
      copiedTrades: this.#copiedTrades
    }
  }

  async #handle(event: FeedEvent): Promise<void> {
    const { metrics, log, outages } = this.#deps
    // What a paused producer finds in its socket, another one has received, and records the outage.
    const mayPublish = this.#deps.mayPublish()
    if (mayPublish !== true && !(await mayPublish)) return
    switch (event.kind) {
      case 'frame':
        await this.#handleFrame(event)
        return
      case 'connected':
        this.#connection = event.connection
        this.#connectedMs = event.atMs
        this.#isSubscribed = false
        this.#outage = null
        this.#silence.restarted(event.atMs)
        metrics.connections.inc()
        metrics.connected.set(1)
        log.info({ connection: event.connection }, 'feed connected')
        return
      case 'subscribed':
        // Of another list when it waited in the queue while symbols changed.
        this.#isSubscribed = event.symbols === this.#symbols
        log.info({ connection: event.connection }, 'subscribed to all symbols')
        return
      case 'standing':
        this.#handleStanding(event)
        return
      case 'disconnected':
        this.#connectedMs = null
        this.#outage = { cause: event.cause, retryMs: event.atMs + event.retryInMs }
        outages.lost(event.cause, event.atMs)
        metrics.disconnections.inc()
        metrics.connected.set(0)
        log.warn({ cause: event.cause, retryInMs: event.retryInMs }, 'feed disconnected')
    }
  }

  async #handleFrame(event: FrameEvent): Promise<void> {
    const { metrics, outages, deadLetters, log } = this.#deps
    metrics.lastFrame.set(event.receivedAt / 1000)
    outages.frame(event.receivedAt, this.#isSubscribed)
    const frame = this.#protocol.parse(event.text)
    metrics.frames.inc({ kind: frame.kind })
    if (frame.kind === 'trades') await this.#handleTrades(frame, event)
    if (frame.kind === 'malformed') deadLetters.add(frame.reason, event.text)
    // What concerns one of our symbols is a state of that symbol.
    if (frame.kind === 'error' && !this.#symbols.includes(frame.symbol ?? '')) {
      this.#lastError = withoutSecrets(frame.message)
      log.warn({ message: this.#lastError, meaning: frame.meaning }, 'error from the feed')
    }
    this.#handledMs = event.receivedAt
  }

  async #handleTrades(
    { trades, amendments, refused }: Extract<Frame, { kind: 'trades' }>,
    event: FrameEvent
  ): Promise<void> {
    const { outbox, deadLetters, metrics } = this.#deps
    const copyOf = trades.length === 0 ? undefined : this.#copies.originalOf(event)
    const isDropped = copyOf !== undefined && this.#config.frameCopies === 'drop'
    if (copyOf !== undefined) this.#countCopy(trades.length, isDropped)
    metrics.tradesReceived.inc(trades.length)
    if (trades.length > 0) {
      this.#lastTradeMs = event.receivedAt
      const newestMs = Math.max(...trades.map(({ t }) => t))
      this.#clock.observe(event.receivedAt, newestMs)
      metrics.latency('receipt', event.receivedAt - newestMs)
    }
    const origin = { ...event, feed: this.#config.feedName, copyOf }
    const records = recordsOf(trades, origin, amendments)
    for (const { symbol } of records) this.#silence.traded(symbol, event.receivedAt)
    if (isDropped) return
    for (const { reason, raw } of refused) deadLetters.add(reason, raw)
    await outbox.add(records, this.#handledMs)
  }

  #countCopy(trades: number, isDropped: boolean): void {
    const { metrics, log } = this.#deps
    const handling = isDropped ? 'dropped' : 'kept'
    if (this.#copiedFrames === 0) log.warn({ handling }, 'the feed sends copies of whole frames')
    this.#copiedFrames++
    this.#copiedTrades += trades
    metrics.copiedFrames.inc({ handling })
    metrics.copiedTrades.inc({ handling }, trades)
  }

  #handleStanding({ symbol, standing, reason, againAtMs }: StandingEvent): void {
    if (standing === 'rejected') this.#noteRejected(symbol, reason, againAtMs)
    else if (this.#rejections.delete(symbol)) {
      this.#deps.log.info({ symbol, standing }, 'no longer rejected by the feed')
    }
    if (standing === 'over the limit') {
      const words = reason ?? 'the feed sends no more symbols'
      this.#problems.set(symbol, { standing: 'over the limit', reason: words })
      this.#deps.log.warn({ symbol, reason: words }, 'over the limit of the plan: not followed')
    } else if (this.#problems.get(symbol)?.standing === 'over the limit') {
      this.#problems.delete(symbol)
    }
  }

  #noteRejected(symbol: string, words: string | null, againAtMs: number | undefined): void {
    const reason = `the feed says '${withoutSecrets(words ?? 'no')}'`
    this.#rejections.set(symbol, { standing: 'rejected', reason, againAtMs })
    if (this.#everRejected.has(symbol)) return
    this.#everRejected.add(symbol)
    this.#deps.log.warn(
      { symbol, reason },
      `${symbol} is rejected and asked for again from time to time`
    )
  }
}

/** The protocol of the configured vendor. A further vendor needs a case here and its own lib. */
function protocolOf({ vendor }: ProducerConfig): FeedProtocol {
  return vendor.kind === 'alpaca' ? alpacaProtocol(vendor) : finnhubProtocol(vendor)
}
