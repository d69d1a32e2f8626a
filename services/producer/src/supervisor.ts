import { hasCode, messageOf, repeat, withTimeout } from '@tapedeck/core'
import { checkSymbols, finnhubRest } from '@tapedeck/finnhub'
import { readTail } from '@tapedeck/kafka'
import { connectDatabase, desiredSymbols, type Database } from '@tapedeck/mongo'
import { startWait, unreadableReport, type ServiceContext, type StartWait } from '@tapedeck/service'
import type { ProducerConfig } from './config.ts'
import type { DeadLetterSink } from './dead-letter-sink.ts'
import { FrameHandler, type FrameHandlerDeps } from './frame-handler.ts'
import { LeaseKeeper, leaseId, noteOf, previousRun } from './lease.ts'
import type { Outbox } from './outbox/outbox.ts'
import { runOfTail, type PreviousRun } from './outage-tracker.ts'
import { clockWarnings, feedStatus, type FeedFacts } from './status.ts'

export interface SupervisorDeps extends Omit<FrameHandlerDeps, 'log' | 'mayPublish'> {
  readonly outbox: Outbox
  readonly deadLetters: DeadLetterSink
  readonly context: ServiceContext
}

/** Symbols are compared, silent ones subscribed to again and the status written this often. */
const TICK_MS = 1000
const SHUTDOWN_LIMIT_MS = 1000
/** The feed is followed after this time whatever the topic tells. */
const TAIL_LIMIT_MS = 10_000

/**
 * Decides when the feed is followed and for which symbols: with a database only while this producer
 * holds the lease of the key, for SYMBOLS plus and minus what people changed at run time. Without a
 * database it follows SYMBOLS.
 */
export class FeedSupervisor {
  readonly #config: ProducerConfig
  readonly #deps: SupervisorDeps
  readonly #handler: FrameHandler
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
    this.#handler = new FrameHandler(config, {
      ...deps,
      log: deps.context.log,
      mayPublish: () => this.mayPublish()
    })
    this.#handler.setSymbols(config.symbols, [], Date.now())
  }

  /** Starts to follow the feed; a failure that no retry can fix ends the service. */
  open(): void {
    this.#following = this.#run().catch((error: unknown) => {
      if (hasCode(error, 'ABORTED')) return
      this.#hasFailed = true
      this.#deps.context.fail(error)
    })
  }

  /** After the signal of the context: records the outage and releases the lease. */
  async close(): Promise<void> {
    const { outages, deadLetters } = this.#deps
    await this.#following
    outages.lost(this.#hasFailed ? 'the producer failed' : 'the producer was stopped', Date.now())
    await this.#bestEffort(deadLetters.drained(), 'not every dead letter was sent')
    await this.#bestEffort(this.#release(), 'the lease was not released: it expires by itself')
    await this.#database?.close()
  }

  /** Whether this producer may publish; see LeaseKeeper. Without a database nothing forbids it. */
  mayPublish(): boolean | Promise<boolean> {
    return this.#lease?.mayPublish() ?? true
  }

  /** Why the feed is not followed, or not safely, in sentences; empty while it is. */
  problems(): readonly string[] {
    const waiting = this.#servers.reasons()
    if (waiting.length > 0) return waiting
    const { state, explanation } = feedStatus(this.#facts(Date.now()))
    const problems = state === 'connected' ? [] : [`the feed is not connected: ${explanation}`]
    return [...problems, ...this.#deliveryProblems()]
  }

  /** What a person should know although the feed is followed, in sentences. */
  warnings(): readonly string[] {
    return clockWarnings(this.#facts(Date.now()))
  }

  #deliveryProblems(): string[] {
    const unrenewed = this.#lease?.problem
    const unsent = this.#deps.outbox.problems()
    return unrenewed === undefined ? unsent : [...unsent, unrenewed]
  }

  async #run(): Promise<void> {
    const { context, outages } = this.#deps
    const { signal, log } = context
    const { mongo, feedName, leaseTtlMs, vendor } = this.#config
    if (mongo === undefined) {
      log.info('no MONGODB_URI: no lease, no symbols at run time, no status')
      outages.resume(await this.#runOfLog(signal), Date.now())
      await this.#follow(signal)
      return
    }
    const unreadable = unreadableReport(context)
    const database = await this.#servers.until(() =>
      connectDatabase(mongo, {
        appName: 'tapedeck-producer',
        maxPoolSize: 3,
        timeoutMs: 2000,
        unreadable
      })
    )
    this.#database = database
    const id = leaseId(feedName, vendor.credential)
    const lease = new LeaseKeeper(database, {
      id,
      log,
      ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs, renewMs: leaseTtlMs / 3 })
    })
    this.#lease = lease
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      await lease.acquire(signal)
      // Wanted symbols come first: otherwise those added at run time would look unsubscribed.
      if (isFirst) await this.#lookUpSymbols()
      const run = await previousRun(database, feedName, id)
      outages.resume(run.lastFrameMs === null ? await this.#runOfLog(signal, run) : run, Date.now())
      const lost = new AbortController()
      const held = AbortSignal.any([signal, lost.signal])
      void this.#watchLease(lease, held, lost)
      await this.#follow(held)
      if (!signal.aborted) outages.handedOver()
    }
  }

  /**
   * The run before as the topic tells of it, for want of a lease that does (a database that was emptied, or
   * none). Best effort: a broker that is away must not keep the feed from being followed.
   */
  async #runOfLog(
    signal: AbortSignal,
    otherwise: PreviousRun = { lastFrameMs: null }
  ): Promise<PreviousRun> {
    const { kafka, feedName } = this.#config
    try {
      const run = runOfTail(await readTail(kafka, TAIL_LIMIT_MS), feedName)
      return run.lastFrameMs === null ? otherwise : run
    } catch (error) {
      signal.throwIfAborted()
      const { log } = this.#deps.context
      log.warn({ err: error }, 'the topic does not tell when the feed was last followed')
      return otherwise
    }
  }

  async #watchLease(lease: LeaseKeeper, held: AbortSignal, lost: AbortController): Promise<void> {
    const { outages, outbox, context } = this.#deps
    const owner = await lease.keep(
      () => noteOf(this.#safeFrameMs(), outages.handover(outbox.exposedSinceMs)),
      held
    )
    if (owner === undefined) return
    context.log.error({ owner }, 'another producer took the key over')
    lost.abort()
  }

  /** The broker or the disk has every frame up to here; a gap begins here if this process is killed. */
  #safeFrameMs(): number | null {
    const { handledMs } = this.#handler
    const { safeUntilMs } = this.#deps.outbox
    if (safeUntilMs === undefined || handledMs === null) return handledMs
    return Math.min(handledMs, safeUntilMs)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    await this.#lookUpSymbols()
    void this.#checkSymbols(signal)
    const stopTicking = repeat(
      TICK_MS,
      () => this.#tick(),
      (error) => this.#deps.context.fail(error)
    )
    try {
      await this.#handler.follow(signal)
    } finally {
      await stopTicking()
    }
  }

  async #tick(): Promise<void> {
    try {
      await this.#lookUpSymbols()
      this.#handler.resubscribeSilent(Date.now())
      this.#handler.measureClock(Date.now())
      await this.#writeStatus()
    } catch (error) {
      const { log } = this.#deps.context
      log.debug({ err: error }, 'status and symbols could not be exchanged with the database')
    }
  }

  /** Follows the symbols that are wanted now. */
  async #lookUpSymbols(): Promise<void> {
    if (this.#database === undefined) return
    const { log } = this.#deps.context
    const { symbols, maxSymbols } = this.#config
    try {
      const wanted = await desiredSymbols(this.#database, symbols, maxSymbols)
      if (wanted.symbols.join('\n') === this.#symbols.join('\n')) return
      const overLimit = wanted.overflow
      log.info({ symbols: wanted.symbols, overLimit }, 'symbols changed')
      this.#symbols = wanted.symbols
      this.#handler.setSymbols(wanted.symbols, overLimit, Date.now())
      for (const symbol of overLimit) {
        const reason = `the plan allows ${maxSymbols} symbols (FINNHUB_MAX_SYMBOLS)`
        this.#handler.noteProblem(symbol, { standing: 'over the limit', reason })
      }
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'symbols not looked up: the known ones are kept')
    }
  }

  /** Looks symbols up in the vendor's list, where a key allows it. Unknown ones are followed as well. */
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
      this.#handler.noteProblem(symbol, { standing: 'rejected', reason })
    }
  }

  async #writeStatus(state?: 'stopped'): Promise<void> {
    if (this.#database === undefined || this.#lease?.waitsFor !== undefined) return
    const { _id, ...status } = feedStatus(this.#facts(Date.now()))
    const written =
      state === undefined ? status : { ...status, state, explanation: 'the producer was stopped' }
    await this.#database.feedStatus.replaceOne({ _id }, written, { upsert: true })
  }

  /** Shutdown is best effort: it does not wait for an unreachable server. */
  async #bestEffort(work: Promise<void>, otherwise: string): Promise<void> {
    try {
      await withTimeout(work, SHUTDOWN_LIMIT_MS, 'Ending')
    } catch (error) {
      this.#deps.context.log.warn({ err: error }, otherwise)
    }
  }

  async #release(): Promise<void> {
    await this.#writeStatus('stopped')
    const { outages } = this.#deps
    // Records still in memory are published or spooled after this.
    await this.#lease?.release(noteOf(outages.lastFrameMs, outages.handover(undefined)))
  }

  #facts(nowMs: number): FeedFacts {
    const { outbox, outages } = this.#deps
    const { records, bytes } = outbox.depth
    return {
      ...this.#handler.facts(nowMs),
      feed: this.#config.feedName,
      nowMs,
      waitsFor: this.#lease?.waitsFor,
      lastFrameMs: outages.lastFrameMs,
      deliveryProblems: this.#deliveryProblems(),
      maxSymbols: this.#config.maxSymbols,
      queuedFrames: records,
      spooledBytes: bytes
    }
  }
}
