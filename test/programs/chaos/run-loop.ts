import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { finalAt } from '@tapedeck/domain'
import { partitionEnds } from '@tapedeck/kafka'
import type { BarDocument, Database } from '@tapedeck/mongo'
import { until } from '../../support/until.ts'
import type { FeedFaults } from './feed-faults.ts'
import type { Findings } from './findings.ts'
import type { CheckpointWatch } from './checkpoint-watch.ts'
import type { Recoveries } from './recoveries.ts'
import { ALLOWED_DELAY_MS, type Harness } from './harness.ts'
import type { FaultInjector } from './fault-injector.ts'
import type { Fault } from './fault-plan.ts'

export interface RunOptions {
  /** In the present; see FaultPlanOptions. */
  readonly longestOutageMs?: number
  /** Receives a line for each fault, and the progress every few seconds. */
  readonly onNote?: (note: string) => void
}

const POLL_MS = 200
const NOTE_MS = 5000
/** Longer than an election behind a paused broker whose requests must first time out (30 s). */
const STALL_LIMIT_MS = 120_000
/** How long a producer may need after an outage: the lease of the one before, and the longest wait to connect. */
const RETURN_LIMIT_MS = 90_000
const OVERDUE_LIMIT_MS = 30_000
/** No counter covers frames between the socket and the topic: require several polls in a row. */
const STORED_POLLS = 5
/** Reported of one symbol at most. */
const MOST_OVERDUE = 20

/** The loop of a run: polls the pipeline a few times a second and injects the faults that are due. */
export class RunLoop {
  readonly #harness: Harness
  readonly #checkpoints: CheckpointWatch
  readonly #recoveries: Recoveries
  readonly #injector: FaultInjector
  readonly #feedFaults: FeedFaults | undefined
  readonly #options: RunOptions
  readonly #signal: AbortSignal
  readonly #startedMs = performance.now()
  #notedAtMs = 0
  #sent = 0
  #isTapeOver = false
  #isStored = false
  #storedPolls = 0

  constructor(
    harness: Harness,
    checkpoints: CheckpointWatch,
    recoveries: Recoveries,
    injector: FaultInjector,
    feedFaults: FeedFaults | undefined,
    options: RunOptions,
    signal: AbortSignal
  ) {
    this.#harness = harness
    this.#checkpoints = checkpoints
    this.#recoveries = recoveries
    this.#injector = injector
    this.#feedFaults = feedFaults
    this.#options = options
    this.#signal = signal
  }

  async injectAll(faults: readonly Fault[]): Promise<{ idleKills: number }> {
    let idleKills = 0
    for (const fault of faults) {
      const { advances } = this.#checkpoints
      let injected: string | undefined
      while (injected === undefined) {
        await this.#poll()
        const mayFollow =
          fault.isAtOnce || this.#checkpoints.advances > advances || this.#isIdle(fault)
        const isDue = this.#sentShare >= fault.atShare
        if (!(isDue && mayFollow) && !this.#isStored) continue
        injected = await this.#inject(fault)
      }
      if (this.#isStored && fault.kind === 'kill') idleKills++
      this.#isStored = false
      this.#storedPolls = 0
      this.#options.onNote?.(`${this.#state()}  ${injected}`)
    }
    while (this.#injector.hasPaused || this.#feedFaults?.isOver === false) await this.#poll()
    return { idleKills }
  }

  /**
   * In the present: waits until the producer follows every symbol again and has received a frame since, with which it
   * records the outages. @throws TIMED_OUT
   */
  async untilFollowed(): Promise<void> {
    const { present, producer } = this.#harness
    if (present === undefined) return
    let sinceMs: number | undefined
    await until(
      'following every symbol again',
      async () => {
        await this.#poll()
        await present.look()
        if (!present.isWhole) sinceMs = undefined
        else sinceMs ??= Date.now()
        const seconds = await producer.running
          ?.metric('tapedeck_feed_last_frame_seconds')
          .catch(() => 0)
        return sinceMs !== undefined && (seconds ?? 0) * 1000 > sinceMs
      },
      RETURN_LIMIT_MS
    )
  }

  /** Whether nothing can be stored until the feed is back: other faults need not wait for it. */
  #isIdle({ victim }: Fault): boolean {
    if (this.#feedFaults === undefined || victim === 'producer') return false
    return this.#feedFaults.isCut || this.#harness.producer.running === undefined
  }

  #inject(fault: Fault): Promise<string | undefined> {
    const isOfFeed = fault.kind === 'cut' || fault.kind === 'drop'
    if (!isOfFeed) return this.#injector.inject(fault)
    return this.#feedFaults?.inject(fault) ?? Promise.resolve(undefined)
  }

  get #sentShare(): number {
    return this.#sent / this.#harness.tape.length
  }

  /** Waits until the tape has ended and every record on the topic is stored. */
  async untilStored(): Promise<void> {
    this.#isStored = false
    this.#storedPolls = 0
    while (!this.#isStored) await this.#poll()
  }

  /** Waits until no bar whose window is over is provisional: a flush makes it final. */
  async untilFinal(findings: Findings): Promise<void> {
    const symbols = [...new Set(this.#harness.tape.map(({ s }) => s))]
    const deadlineMs = performance.now() + OVERDUE_LIMIT_MS
    for (;;) {
      const overdue = await overdueBars(this.#harness.database, symbols, ALLOWED_DELAY_MS)
      if (overdue.length === 0) return
      if (performance.now() > deadlineMs) {
        for (const id of overdue) findings.add('overdue', `bar ${id} is over and still provisional`)
        return
      }
      await this.#poll()
    }
  }

  async #poll(): Promise<void> {
    this.#signal.throwIfAborted()
    await sleep(POLL_MS)
    const isAnswered = await this.#checkpoints.poll()
    this.#injector.resumeDue()
    await this.#feedFaults?.poll()
    await this.#recoveries.poll()
    const { simulator, present } = this.#harness
    this.#sent =
      present?.received ?? (await simulator.metric('tapedeck_simulator_trades_sent_total'))
    this.#isTapeOver ||= (await simulator.metric('tapedeck_simulator_tape_ended')) === 1
    // It costs a connection to the broker, so it is asked only when it can be true.
    const hasStoredAll = isAnswered && this.#isTapeOver && (await this.#hasStoredAll())
    this.#storedPolls = hasStoredAll ? this.#storedPolls + 1 : 0
    this.#isStored = this.#storedPolls >= STORED_POLLS
    const nowMs = performance.now()
    if (nowMs - this.#notedAtMs > NOTE_MS) {
      this.#notedAtMs = nowMs
      this.#options.onNote?.(this.#state())
    }
    const limitMs = STALL_LIMIT_MS + (this.#options.longestOutageMs ?? 0)
    if (!this.#isStored && this.#checkpoints.idleMs > limitMs) throw this.#stalled()
  }

  async #hasStoredAll(): Promise<boolean> {
    const { producer, kafka } = this.#harness
    try {
      // A producer that was stopped has nothing left; one that is starting may have.
      if (producer.running !== undefined) {
        const waiting =
          (await producer.running.metric('tapedeck_queued_records')) +
          (await producer.running.metric('tapedeck_spool_bytes'))
        if (waiting > 0) return false
      } else if (!producer.isStopped) return false
      const ends = await partitionEnds(kafka)
      const { marks } = this.#checkpoints
      return [...ends].every(
        ([partition, end]) => (marks.get(`${kafka.topic}/${partition}`)?.nextOffset ?? 0) >= end
      )
    } catch {
      return false // a server or the producer is down
    }
  }

  #state(): string {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0)
    const share = (this.#sentShare * 100).toFixed(1)
    return `${new Date().toISOString().slice(11)} ${seconds.padStart(4)} s  ${share.padStart(5)} % of the tape sent, ${this.#injector.kills} kills`
  }

  #stalled(): TapedeckError {
    const { producer, consumers, simulator } = this.#harness
    const logs = [simulator, producer, ...consumers].map(
      (service) => `${service.name}:\n${service.lastLines()}`
    )
    const marks = [...this.#checkpoints.marks].map(
      ([log, { nextOffset }]) => `${log} ${nextOffset}`
    )
    return new TapedeckError(
      'TIMED_OUT',
      `Nothing was stored in ${(this.#checkpoints.idleMs / 1000).toFixed(0)} s: ${this.#state()}, checkpoints ${marks.join(', ')}\n${logs.join('\n')}`
    )
  }
}

/** Provisional bars whose window is over by the newest stored trade of their symbol. */
async function overdueBars(
  { bars, trades }: Database,
  symbols: readonly string[],
  allowedDelayMs: number
): Promise<string[]> {
  const overdue: string[] = []
  for (const symbol of symbols) {
    const [newest] = await trades.find({ symbol }).sort({ tradedAt: -1 }).limit(1).toArray()
    if (newest === undefined) continue
    const watermarkMs = newest.tradedAt.getTime() - allowedDelayMs
    const found = await bars
      .find({ symbol, status: 'provisional', end: { $lte: new Date(watermarkMs) } })
      .project<Pick<BarDocument, '_id' | 'timeframe' | 'end'>>({ timeframe: 1, end: 1 })
      .limit(MOST_OVERDUE)
      .toArray()
    const due = found.filter(
      ({ timeframe, end }) => finalAt(timeframe, symbol, end.getTime()) <= watermarkMs
    )
    overdue.push(...due.map(({ _id }) => _id))
  }
  return overdue
}
