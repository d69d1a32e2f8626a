import { setWanted, type Database } from '@tapedeck/mongo'
import type { CausedOutages } from './caused-outages.ts'
import type { Fault } from './fault-plan.ts'
import type { PresentFeed } from './present-feed.ts'

/** A symbol that was dropped at run time, until it is wanted again. */
interface Dropped {
  readonly symbol: string
  readonly returnsAtMs: number
  /** Not followed at any look between these; epoch ms. */
  seen: { readonly fromMs: number; readonly toMs: number } | undefined
}

const WRITE_LIMIT_MS = 1500
const BY = 'chaos'

/** Cuts the feed, and drops and adds symbols at run time, as the api does it. Tells when that was so. */
export class FeedFaults {
  readonly #feed: PresentFeed
  readonly #database: Database
  readonly #outages: CausedOutages
  #cut: { readonly sinceMs: number; readonly mendsAtMs: number } | undefined
  #dropped: Dropped[] = []
  #cuts = 0
  #drops = 0

  constructor(feed: PresentFeed, database: Database, outages: CausedOutages) {
    this.#feed = feed
    this.#database = database
    this.#outages = outages
  }

  get cuts(): number {
    return this.#cuts
  }

  get drops(): number {
    return this.#drops
  }

  get isCut(): boolean {
    return this.#cut !== undefined
  }

  get isOver(): boolean {
    return this.#cut === undefined && this.#dropped.length === 0
  }

  /** Describes what it did; undefined when it could not be done now. */
  inject(fault: Fault): Promise<string | undefined> {
    return fault.kind === 'cut' ? this.#cutFeed(fault) : this.#drop(fault)
  }

  /** Looks at the feed, and ends what is over. Call it several times a second. */
  async poll(): Promise<void> {
    const nowMs = performance.now()
    if (this.#cut !== undefined && nowMs >= this.#cut.mendsAtMs) {
      this.#outages.add('feed cut', this.#cut.sinceMs, Date.now())
      await this.#feed.mend()
      this.#cut = undefined
    }
    if (this.#dropped.length === 0) return
    const beforeMs = Date.now()
    await this.#feed.look()
    for (const one of this.#dropped) this.#note(one, beforeMs, Date.now())
    const due = this.#dropped.filter(({ returnsAtMs }) => nowMs >= returnsAtMs)
    for (const one of due) {
      if (!(await this.#setWanted(one.symbol, true))) continue
      this.#end(one)
      this.#dropped = this.#dropped.filter((other) => other !== one)
    }
  }

  async #cutFeed({ restMs }: Fault): Promise<string | undefined> {
    if (this.#cut !== undefined) return undefined
    await this.#feed.cut()
    this.#cut = { sinceMs: Date.now(), mendsAtMs: performance.now() + restMs }
    this.#cuts++
    return `feed cut for ${(restMs / 1000).toFixed(1)} s`
  }

  async #drop({ member, restMs }: Fault): Promise<string | undefined> {
    const kept = this.#feed.symbols.filter((symbol) =>
      this.#dropped.every((one) => one.symbol !== symbol)
    )
    const symbol = kept[member % kept.length]
    if (kept.length < 2 || symbol === undefined) return undefined
    if (!(await this.#setWanted(symbol, false))) return undefined
    this.#dropped.push({ symbol, returnsAtMs: performance.now() + restMs, seen: undefined })
    this.#drops++
    return `${symbol} dropped for ${(restMs / 1000).toFixed(1)} s`
  }

  #note(one: Dropped, askedMs: number, answeredMs: number): void {
    if (this.#feed.isFollowed(one.symbol)) this.#end(one)
    else one.seen = { fromMs: one.seen?.fromMs ?? answeredMs, toMs: askedMs }
  }

  #end(one: Dropped): void {
    if (one.seen === undefined) return
    this.#outages.add('symbol not followed', one.seen.fromMs, one.seen.toMs, one.symbol)
    one.seen = undefined
  }

  /** False when the database does not answer. */
  async #setWanted(symbol: string, isWanted: boolean): Promise<boolean> {
    try {
      await setWanted(this.#database, [symbol], isWanted, BY, WRITE_LIMIT_MS)
      return true
    } catch {
      return false
    }
  }
}
