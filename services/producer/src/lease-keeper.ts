import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { messageOf, systemClock, type Clock, type Secret } from '@tapedeck/core'
import {
  holdLease,
  releaseLease,
  type Database,
  type LeaseDocument,
  type LeaseNote
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'

/** A holder that is gone keeps the key from others so long. */
const TTL_MS = 8000
const RENEW_MS = 2000
const RETRY_MS = 1000

/** Names a key without showing it. */
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
}

/**
 * Holds the right to use a feed's key: Finnhub drops both connections when a second one comes, so the
 * second producer waits here and says for whom.
 *
 * While the database is away a held lease is kept in good faith: nobody else can take it either.
 */
export class LeaseKeeper {
  readonly #database: Database
  readonly #options: LeaseKeeperOptions
  readonly #clock: Clock
  readonly #owner: string
  #waitsFor: string | undefined

  constructor(database: Database, options: LeaseKeeperOptions) {
    this.#database = database
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#owner = options.owner ?? `${hostname()}:${process.pid}`
  }

  /** Who has the key while this one waits; undefined otherwise. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  /**
   * Waits until the lease is this one's. Answers what the last holder left.
   * @throws ABORTED
   */
  async acquire(signal: AbortSignal): Promise<LeaseDocument | null> {
    const { id, log, ttlMs = TTL_MS, retryMs = RETRY_MS } = this.#options
    for (;;) {
      try {
        const answer = await holdLease(this.#database, id, this.#owner, ttlMs)
        if (answer.isMine) {
          this.#waitsFor = undefined
          return answer.before
        }
        if (this.#waitsFor !== answer.owner) {
          log.warn({ owner: answer.owner }, 'another producer uses this key: waiting for it to end')
        }
        this.#waitsFor = answer.owner
      } catch (error) {
        log.warn({ err: error }, 'the lease cannot be asked for')
        this.#waitsFor = `the database (${messageOf(error)})`
      }
      await this.#clock.delay(retryMs, signal)
    }
  }

  /**
   * Renews the lease until the signal aborts; resolves with the new owner when it was lost.
   * `note` is asked each time what to leave to whoever comes next.
   */
  async keep(note: () => LeaseNote, signal: AbortSignal): Promise<string | undefined> {
    const { id, log, ttlMs = TTL_MS, renewMs = RENEW_MS } = this.#options
    while (!signal.aborted) {
      try {
        await this.#clock.delay(renewMs, signal)
        const answer = await holdLease(this.#database, id, this.#owner, ttlMs, note())
        if (!answer.isMine) return answer.owner
      } catch (error) {
        if (signal.aborted) return undefined
        log.warn({ err: error }, 'the lease was not renewed')
      }
    }
    return undefined
  }

  async release(note: LeaseNote): Promise<void> {
    await releaseLease(this.#database, this.#options.id, this.#owner, note)
  }
}
