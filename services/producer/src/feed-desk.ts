import { hasCode, messageOf, repeat, withTimeout } from '@tapedeck/core'
import { createFeed, type Feed } from '@tapedeck/feed'
import { checkSymbols, finnhubRest } from '@tapedeck/finnhub'
import { connectDatabase, desiredSymbols, type Database, type LeaseNote } from '@tapedeck/mongo'
import { startWait, type ServiceContext, type StartWait } from '@tapedeck/service'
import type { DeadLetterSink } from './aside.ts'
import type { Capture } from './capture/capture.ts'
import type { ProducerConfig } from './config.ts'
import { FrameHandler } from './feed-follower.ts'
import { feedStatus, type FeedFacts } from './feed-status.ts'
import { previousRun, noteOf } from './former-life.ts'
import type { OutageTracker } from './gap-keeper.ts'
import { LeaseKeeper, leaseId } from './lease-keeper.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { ProducerMetrics } from './producer-metrics.ts'
import { protocolOf } from './protocol.ts'

export interface SupervisorDeps {
  readonly outbox: Outbox
  readonly aside: DeadLetterSink
  readonly gaps: OutageTracker
  readonly metrics: ProducerMetrics
  readonly capture: Capture | undefined
  readonly context: ServiceContext
}

/** Symbols are compared, silent ones asked for again and the status written this often. */
const TICK_MS = 1000
const GOODBYE_LIMIT_MS = 1000

/**
 * Decides when the feed is followed and for which symbols: with a database only while this producer
 * holds the key's lease, for SYMBOLS with what people added and removed since. Without one it just
 * follows SYMBOLS.
 */
export class FeedSupervisor {
  readonly #config: ProducerConfig
  readonly #deps: SupervisorDeps
  readonly #follower: FrameHandler
  readonly #servers: StartWait
  #symbols: readonly string[]
  #lease: LeaseKeeper | undefined
  #database: Database | undefined
  #following: Promise<void> = Promise.resolve()
  #hasFailed = false

  constructor(config: ProducerConfig, deps: SupervisorDeps) {
    this.#config = config
    this.#deps = deps
    this.#symbols = config.symbols
    this.#servers = startWait(deps.context)
    this.#follower = new FrameHandler({
      ...deps,
      feedName: config.feedName,
      protocol: protocolOf(config),
      log: deps.context.log
    })
    this.#follower.setSymbols(config.symbols, [], Date.now())
  }

  /** Begins to follow; a failure that no retry can mend ends the service. */
  open(): void {
    this.#following = this.#run().catch((error: unknown) => {
      if (hasCode(error, 'ABORTED')) return
      this.#hasFailed = true
      this.#deps.context.fail(error)
    })
  }

  /** Ends after the signal of the context: the outage begins, the lease is given back. */
  async close(): Promise<void> {
    const { gaps, aside } = this.#deps
    await this.#following
    gaps.lost(this.#hasFailed ? 'the producer failed' : 'the producer was stopped', Date.now())
    await this.#orWarn(aside.drained(), 'not every dead letter was kept')
    await this.#orWarn(this.#sayGoodbye(), 'the lease was not given back: it expires by itself')
    await this.#database?.close()
  }

  /** What is left to do at the end is short, or left undone: a server that is away holds nothing up. */
  async #orWarn(work: Promise<void>, otherwise: string): Promise<void> {
    try {
      await withTimeout(work, GOODBYE_LIMIT_MS, 'Ending')
    } catch (error) {
      this.#deps.context.log.warn({ err: error }, otherwise)
    }
  }

  async #sayGoodbye(): Promise<void> {
    await this.#writeStatus('stopped')
    const { gaps } = this.#deps
    // What is still in memory is published or spooled after this.
    await this.#lease?.release(noteOf(gaps.lastFrameMs, gaps.handover(undefined)))
  }

  /** Why the feed is not followed as it should be, in sentences. */
  problems(): readonly string[] {
    const waiting = this.#servers.reasons()
    if (waiting.length > 0) return waiting
    const { state, explanation } = feedStatus(this.#facts(Date.now()))
    return state === 'connected' ? [] : [`the feed is not connected: ${explanation}`]
  }

  async #run(): Promise<void> {
    const { context, gaps } = this.#deps
    const { signal, log } = context
    const { mongo, feedName, leaseTtlMs } = this.#config
    if (mongo === undefined) {
      log.info('no MONGODB_URI: no lease, no symbols at run time, no status')
      await this.#follow(signal)
      return
    }
    const database = await this.#servers.until(() =>
      connectDatabase(mongo, { appName: 'tapedeck-producer', maxPoolSize: 3, timeoutMs: 2000 })
    )
    this.#database = database
    const id = leaseId(feedName, this.#config.vendor.credential)
    const lease = new LeaseKeeper(database, {
      id,
      log,
      ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs, renewMs: leaseTtlMs / 3 })
    })
    this.#lease = lease
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      await lease.acquire(signal)
      if (isFirst) {
        // First what is wanted: else symbols that were added at run time would seem to be given up.
        await this.#lookUpSymbols()
        gaps.resume(await previousRun(database, feedName, id), Date.now())
      }
      const lost = new AbortController()
      const held = AbortSignal.any([signal, lost.signal])
      void this.#watchLease(lease, held, lost)
      await this.#follow(held)
      if (!signal.aborted) gaps.lost('another producer took the key over', Date.now())
    }
  }

  /** Frames up to here are with the broker or on disk: where a gap begins if this process is killed. */
  #safeFrameMs(): number | null {
    const { handledMs } = this.#follower
    const exposedMs = this.#deps.outbox.exposedSinceMs
    if (exposedMs === undefined || handledMs === null) return handledMs
    return Math.min(handledMs, exposedMs - 1)
  }

  async #watchLease(lease: LeaseKeeper, held: AbortSignal, lost: AbortController): Promise<void> {
    const { gaps, outbox } = this.#deps
    const note = (): LeaseNote => noteOf(this.#safeFrameMs(), gaps.handover(outbox.exposedSinceMs))
    const owner = await lease.keep(note, held)
    if (owner === undefined) return
    this.#deps.context.log.error({ owner }, 'another producer took the key over')
    lost.abort()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { capture, context } = this.#deps
    await this.#lookUpSymbols()
    const feed = createFeed(
      protocolOf(this.#config),
      {
        symbols: this.#symbols,
        credentials: this.#config.vendor.credentialName,
        ...(capture !== undefined && { onRaw: (...frame) => capture.frame(...frame) }),
        ...(this.#config.feedTimes !== undefined && { times: this.#config.feedTimes })
      },
      signal
    )
    void this.#checkSymbols(signal)
    const stopTicking = repeat(
      TICK_MS,
      () => this.#tick(feed),
      (error) => context.fail(error)
    )
    try {
      await this.#follower.follow(feed)
    } finally {
      await stopTicking()
    }
  }

  async #tick(feed: Feed): Promise<void> {
    const { log } = this.#deps.context
    try {
      if (await this.#lookUpSymbols()) feed.setSymbols(this.#symbols)
      this.#follower.nudge(feed, Date.now())
      await this.#writeStatus()
    } catch (error) {
      log.debug({ err: error }, 'status and symbols could not be exchanged with the database')
    }
  }

  /** The symbols wanted now; true when they changed. */
  async #lookUpSymbols(): Promise<boolean> {
    if (this.#database === undefined) return false
    const { log } = this.#deps.context
    const { symbols, maxSymbols } = this.#config
    try {
      const wanted = await desiredSymbols(this.#database, symbols, maxSymbols)
      const isSame = wanted.symbols.join('\n') === this.#symbols.join('\n')
      if (isSame) return false
      log.info({ symbols: wanted.symbols, overflow: wanted.overflow }, 'symbols changed')
      this.#symbols = wanted.symbols
      this.#follower.setSymbols(wanted.symbols, wanted.overflow, Date.now())
      for (const symbol of wanted.overflow) {
        const reason = `the plan allows ${maxSymbols} symbols (FINNHUB_MAX_SYMBOLS)`
        this.#follower.judge(symbol, { standing: 'over the limit', reason })
      }
      return true
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the symbols known before stay')
      return false
    }
  }

  /** Asks the vendor's list, where a key allows it; a typing error is told, and followed all the same. */
  async #checkSymbols(signal: AbortSignal): Promise<void> {
    const { rest } = this.#config
    if (rest === undefined) return
    const { log } = this.#deps.context
    const answer = await checkSymbols(finnhubRest(rest), this.#symbols, { signal })
    if (!answer.isChecked) {
      log.info({ reason: answer.reason }, 'symbols were not checked')
      return
    }
    for (const { symbol, reason } of answer.unknown) {
      log.warn({ symbol, reason }, 'symbol is not known')
      this.#follower.judge(symbol, { standing: 'rejected', reason })
    }
  }

  async #writeStatus(state?: 'stopped'): Promise<void> {
    if (this.#database === undefined || this.#lease?.waitsFor !== undefined) return
    const { _id, ...status } = feedStatus(this.#facts(Date.now()))
    const said =
      state === undefined ? status : { ...status, state, explanation: 'the producer was stopped' }
    await this.#database.feedStatus.replaceOne({ _id }, said, { upsert: true })
  }

  #facts(nowMs: number): FeedFacts {
    const { outbox, gaps } = this.#deps
    const { records, bytes } = outbox.depth
    return {
      ...this.#follower.facts(nowMs),
      feed: this.#config.feedName,
      nowMs,
      waitsFor: this.#lease?.waitsFor,
      lastFrameMs: gaps.lastFrameMs,
      maxSymbols: this.#config.maxSymbols,
      queuedFrames: records,
      spooledBytes: bytes
    }
  }
}
