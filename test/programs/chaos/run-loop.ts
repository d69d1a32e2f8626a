import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { finalAt } from '@tapedeck/domain'
import { partitionEnds } from '@tapedeck/kafka'
import type { BarDocument, Database } from '@tapedeck/mongo'
import type { TapeTrade } from '../../support/tape.ts'
import type { Findings } from './findings.ts'
import type { CheckpointWatch } from './checkpoint-watch.ts'
import type { Recoveries } from './recoveries.ts'
import { ALLOWED_DELAY_MS, type Harness } from './harness.ts'
import type { FaultInjector } from './fault-injector.ts'
import type { Fault } from './fault-plan.ts'

export interface RunOptions {
  readonly trades: readonly TapeTrade[]
  /** Receives a line for each fault, and the progress every few seconds. */
  readonly onNote?: (note: string) => void
}

const POLL_MS = 200
const NOTE_MS = 5000
/** Longer than an election behind a paused broker whose requests must first time out (30 s). */
const STALL_LIMIT_MS = 120_000
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
    options: RunOptions,
    signal: AbortSignal
  ) {
    this.#harness = harness
    this.#checkpoints = checkpoints
    this.#recoveries = recoveries
    this.#injector = injector
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
        const hasAdvanced = fault.isAtOnce || this.#checkpoints.advances > advances
        const isDue = this.#sent / this.#options.trades.length >= fault.atShare
        if (!(isDue && hasAdvanced) && !this.#isStored) continue
        injected = await this.#injector.inject(fault)
      }
      if (this.#isStored && fault.kind === 'kill') idleKills++
      this.#isStored = false
      this.#storedPolls = 0
      this.#options.onNote?.(`${this.#state()}  ${injected}`)
    }
    while (this.#injector.hasPaused) await this.#poll()
    return { idleKills }
  }

  /** Waits until the tape has ended and every record on the topic is stored. */
  async untilStored(): Promise<void> {
    this.#isStored = false
    this.#storedPolls = 0
    while (!this.#isStored) await this.#poll()
  }

  /** Waits until no bar whose window is over is provisional: a flush makes it final. */
  async untilFinal(findings: Findings): Promise<void> {
    const symbols = [...new Set(this.#options.trades.map(({ s }) => s))]
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
    await this.#recoveries.poll()
    const { simulator } = this.#harness
    this.#sent = await simulator.metric('tapedeck_simulator_trades_sent_total')
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
    if (!this.#isStored && this.#checkpoints.idleMs > STALL_LIMIT_MS) throw this.#stalled()
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
    const share = ((this.#sent / this.#options.trades.length) * 100).toFixed(1)
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
      `Nothing was stored in ${STALL_LIMIT_MS / 1000} s: ${this.#state()}, checkpoints ${marks.join(', ')}\n${logs.join('\n')}`
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
