import { createHash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { messageOf, systemClock, thisProcess, type Clock, type Secret } from '@tapedeck/core'
import {
  findOpenGap,
  holdLease,
  releaseLease,
  type Database,
  type FeedGapDocument,
  type LeaseDocument,
  type LeaseNote
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { Handover, OpenGap, PreviousRun } from './outage-tracker.ts'

/** The lease of a holder that is gone blocks the key for this long, unless others can see that its process has ended. */
const TTL_MS = 8000
const RENEW_MS = 2000
const RETRY_MS = 1000

/** A name for a key that does not reveal it. */
export function leaseId(feed: string, token: Secret): string {
  const digest = createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16)
  return `${feed}|${digest}`
}

export interface LeaseKeeperOptions {
  readonly id: string
  readonly log: Logger
  readonly clock?: Clock
  readonly ttlMs?: number
  readonly renewMs?: number
  readonly retryMs?: number
  readonly owner?: string
  /** A clock that nobody sets, ms. */
  readonly monotonicMs?: () => number
}

/**
 * The right to use a feed's key: Finnhub drops both connections when a second one opens, so the second
 * producer waits here and reports the holder.
 *
 * While the database is away the holder keeps its lease, because no other producer can acquire it either. A
 * holder that was paused for longer than the lease lasts asks before it publishes anything more.
 */
export class LeaseKeeper {
  readonly #database: Database
  readonly #options: LeaseKeeperOptions
  readonly #clock: Clock
  readonly #owner: string
  readonly #monotonicMs: () => number
  #waitsFor: string | undefined
  /** When it was last acquired or renewed, on the monotonic clock, and why the last renewal failed. */
  #renewedMs = -Infinity
  #failure: string | undefined
  #isHeld = false
  #wasHeld = false
  /** Until then, on the monotonic clock, no other producer can have acquired the lease. */
  #sureUntilMs = -Infinity
  #lost = Promise.withResolvers<void>()
  #lostTo = ''
  #renewing: Promise<void> | undefined
  #note: () => LeaseNote = () => ({})

  constructor(database: Database, options: LeaseKeeperOptions) {
    this.#database = database
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
    // Two containers may have equal host names and pids.
    const instance = randomBytes(4).toString('hex')
    this.#owner = options.owner ?? `${hostname()}:${process.pid}:${instance}`
  }

  /** Why this one waits, such as who has the key; undefined while it does not. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  /** Why the lease is held but not renewed, a sentence; undefined otherwise. A server may also never answer. */
  get problem(): string | undefined {
    if (!this.#isHeld) return undefined
    const silentMs = this.#monotonicMs() - this.#renewedMs
    if (this.#failure === undefined && silentMs <= this.#ttlMs) return undefined
    const seconds = Math.round(silentMs / 1000)
    return `the lease was not renewed for ${seconds} s: ${this.#failure ?? 'MongoDB has not answered'}`
  }

  get #ttlMs(): number {
    return this.#options.ttlMs ?? TTL_MS
  }

  /**
   * Waits until this producer holds the lease. Returns what the last holder left.
   * @throws ABORTED
   */
  async acquire(signal: AbortSignal): Promise<LeaseDocument | null> {
    const { id, log, retryMs = RETRY_MS } = this.#options
    const ttlMs = this.#ttlMs
    const process = { owner: this.#owner, ...(await thisProcess()) }
    for (;;) {
      const askedMs = this.#monotonicMs()
      try {
        const answer = await holdLease(this.#database, id, this.#owner, ttlMs, { process })
        if (answer.isMine) {
          this.#waitsFor = undefined
          this.#isHeld = true
          this.#wasHeld = true
          this.#sureUntilMs = askedMs + ttlMs
          this.#noteRenewed()
          this.#lost = Promise.withResolvers()
          return answer.before
        }
        const holder = `${answer.owner} uses this key`
        if (this.#waitsFor !== holder) {
          log.warn({ owner: answer.owner }, 'another producer uses this key: waiting for it to end')
        }
        this.#waitsFor = holder
      } catch (error) {
        const reason = `the lease cannot be requested: ${messageOf(error)}`
        if (this.#waitsFor !== reason) log.warn({ err: error }, 'the lease cannot be requested')
        this.#waitsFor = reason
      }
      await this.#clock.delay(retryMs, signal)
    }
  }

  /**
   * Whether this producer may use the key and publish. While its last renewal is younger than the lease it
   * answers at once. After a longer pause of the process another producer may have the key: then it asks first.
   * False from a loss until the lease is acquired again.
   */
  mayPublish(): boolean | Promise<boolean> {
    if (this.#isHeld && this.#monotonicMs() >= this.#sureUntilMs) return this.#askFirst()
    return this.#isHeld || !this.#wasHeld
  }

  /**
   * Renews the lease until the signal aborts; resolves with the new owner when it was lost.
   * Each renewal stores what `note` returns for the next run.
   */
  async keep(note: () => LeaseNote, signal: AbortSignal): Promise<string | undefined> {
    const { renewMs = RENEW_MS } = this.#options
    this.#note = note
    while (!signal.aborted && this.#isHeld) {
      try {
        await Promise.race([this.#clock.delay(renewMs, signal), this.#lost.promise])
        if (this.#isHeld) await this.#renewOnce()
      } catch (error) {
        if (signal.aborted) return undefined
        throw error
      }
    }
    return this.#isHeld ? undefined : this.#lostTo
  }

  async #askFirst(): Promise<boolean> {
    while (this.#isHeld && this.#monotonicMs() >= this.#sureUntilMs) await this.#renewOnce()
    return this.#isHeld
  }

  /** One renewal at a time. */
  #renewOnce(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  /** What was asked before a pause says nothing about the time after it: the time of asking counts. */
  async #renew(): Promise<void> {
    const { id, log } = this.#options
    const ttlMs = this.#ttlMs
    const askedMs = this.#monotonicMs()
    try {
      const answer = await holdLease(this.#database, id, this.#owner, ttlMs, this.#note())
      this.#noteRenewed()
      // Another one may have had it in between and given it back.
      const owner = answer.isMine ? answer.before?.owner : answer.owner
      if (owner !== this.#owner) this.#loseTo(owner)
    } catch (error) {
      if (this.#failure === undefined) log.warn({ err: error }, 'the lease was not renewed')
      this.#failure = messageOf(error)
    }
    this.#sureUntilMs = askedMs + ttlMs
  }

  #noteRenewed(): void {
    if (this.#failure !== undefined) this.#options.log.info('the lease is renewed again')
    this.#failure = undefined
    this.#renewedMs = this.#monotonicMs()
  }

  #loseTo(owner = 'another producer'): void {
    this.#isHeld = false
    this.#lostTo = owner
    this.#lost.resolve()
  }

  async release(note: LeaseNote): Promise<void> {
    // What was received while it was held may still be published.
    if (this.#isHeld) this.#isHeld = this.#wasHeld = false
    await releaseLease(this.#database, this.#options.id, this.#owner, note)
  }
}

/**
 * Reads what the last producer of this feed left in its lease, perhaps under another key, and in the
 * gaps that the consumer stored since.
 * @param ownLease of the other leases only expired ones count: a held one is not of a previous run
 */
export async function previousRun(
  { leases, ...database }: Database,
  feed: string,
  ownLease: string
): Promise<PreviousRun> {
  const [lease] = await leases
    .find({
      _id: { $gte: `${feed}|`, $lt: `${feed}}` },
      $or: [{ _id: ownLease }, { $expr: { $lt: ['$expiresAt', '$$NOW'] } }]
    })
    .sort({ lastFrameAt: -1 })
    .limit(1)
    .toArray()
  const stored = await findOpenGap(database, feed)
  const open = openGap(lease, stored)
  const followed = lease?.followed?.map(
    ({ symbol, until }) => [symbol, until?.getTime() ?? null] as const
  )
  return {
    ...(open !== undefined && { open }),
    lastFrameMs: lease?.lastFrameAt?.getTime() ?? null,
    ...(followed !== undefined && { followed: new Map(followed) })
  }
}

/** The handover from one run to the next, as stored in the lease. */
export function noteOf(lastFrameMs: number | null, handover: Handover | undefined): LeaseNote {
  if (handover === undefined) return { lastFrameMs }
  const { open, followed } = handover
  return {
    lastFrameMs,
    open:
      open === undefined
        ? null
        : { id: open.id, from: dateOf(open.fromMs), cause: open.cause, symbols: open.symbols },
    followed: [...followed].map(([symbol, untilMs]) => ({ symbol, until: dateOf(untilMs) }))
  }
}

/**
 * The outage that was left open. One that only the consumer stored counts if it began after the lease
 * was last renewed; an older one is closed on the topic already, but the consumer has not read that.
 */
function openGap(
  lease: LeaseDocument | undefined,
  stored: FeedGapDocument | undefined
): OpenGap | undefined {
  if (lease?.open !== undefined && lease.open !== null) {
    const { id, from, cause, symbols } = lease.open
    return { id, fromMs: from?.getTime() ?? null, cause, symbols }
  }
  if (stored === undefined) return undefined
  const { _id: id, from, cause, symbols } = stored
  const lastFrameAt = lease?.lastFrameAt ?? null
  if (from !== null && lastFrameAt !== null && from < lastFrameAt) return undefined
  return { id, fromMs: from?.getTime() ?? null, cause, symbols }
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
