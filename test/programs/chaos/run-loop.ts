import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { finalAt } from '@tapedeck/domain'
import { partitionEnds } from '@tapedeck/kafka'
import type { BarDocument, Database } from '@tapedeck/mongo'
import type { TapeTrade } from '../verify-tape/tape.ts'
import type { Findings } from './findings.ts'
import type { Movement } from './movement.ts'
import type { Recoveries } from './recoveries.ts'
import { ALLOWED_DELAY_MS, type Stage } from './stage.ts'
import type { Striker } from './striker.ts'
import type { Strike } from './strikes.ts'

export interface RunOptions {
  readonly trades: readonly TapeTrade[]
  /** Hears, in words, of each strike and every few seconds how far it is. */
  readonly onNote?: (note: string) => void
}

const LOOK_MS = 200
const TELL_MS = 5000
const STALL_LIMIT_MS = 60_000
const OVERDUE_LIMIT_MS = 30_000
/** What is on its way from the socket to the topic is seen by no counter: look more than once. */
const STORED_LOOKS = 5
/** Of one symbol: enough to see that some are. */
const MOST_OVERDUE = 20

/** The loop of a run: looks at the pipeline a few times a second and acts on what it sees. */
export class RunLoop {
  readonly #stage: Stage
  readonly #movement: Movement
  readonly #recoveries: Recoveries
  readonly #striker: Striker
  readonly #options: RunOptions
  readonly #signal: AbortSignal
  readonly #startedMs = performance.now()
  #toldMs = 0
  #sent = 0
  #isTapeOver = false
  #isStored = false
  #storedLooks = 0

  constructor(
    stage: Stage,
    movement: Movement,
    recoveries: Recoveries,
    striker: Striker,
    options: RunOptions,
    signal: AbortSignal
  ) {
    this.#stage = stage
    this.#movement = movement
    this.#recoveries = recoveries
    this.#striker = striker
    this.#options = options
    this.#signal = signal
  }

  async strikeAll(strikes: readonly Strike[]): Promise<{ idleKills: number }> {
    let idleKills = 0
    for (const strike of strikes) {
      const { steps } = this.#movement
      let struck: string | undefined
      while (struck === undefined) {
        await this.#look()
        const hasMoved = strike.isAtOnce || this.#movement.steps > steps
        const isDue = this.#sent / this.#options.trades.length >= strike.atShare
        if (!(isDue && hasMoved) && !this.#isStored) continue
        struck = this.#striker.strike(strike)
      }
      if (this.#isStored && strike.kind === 'kill') idleKills++
      this.#isStored = false
      this.#storedLooks = 0
      this.#options.onNote?.(`${this.#state()}  ${struck}`)
    }
    while (this.#striker.hasSleepers) await this.#look()
    return { idleKills }
  }

  /** Waits until the tape is over and every record on the topic is stored. */
  async untilStored(): Promise<void> {
    this.#isStored = false
    this.#storedLooks = 0
    while (!this.#isStored) await this.#look()
  }

  /** Waits until no bar is provisional that is over: a flush makes it final. */
  async untilFinal(findings: Findings): Promise<void> {
    const symbols = [...new Set(this.#options.trades.map(({ s }) => s))]
    const deadlineMs = performance.now() + OVERDUE_LIMIT_MS
    for (;;) {
      const overdue = await overdueBars(this.#stage.database, symbols, ALLOWED_DELAY_MS)
      if (overdue.length === 0) return
      if (performance.now() > deadlineMs) {
        for (const id of overdue) findings.add('overdue', `bar ${id} is over and still provisional`)
        return
      }
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    this.#signal.throwIfAborted()
    await sleep(LOOK_MS)
    const isAnswered = await this.#movement.look()
    this.#striker.wake()
    await this.#recoveries.look()
    const { simulator } = this.#stage
    this.#sent = await simulator.metric('tapedeck_simulator_trades_sent_total')
    this.#isTapeOver ||= (await simulator.metric('tapedeck_simulator_tape_ended')) === 1
    // Costs a connection to the broker: asked only when it can be true.
    const hasStoredAll = isAnswered && this.#isTapeOver && (await this.#hasStoredAll())
    this.#storedLooks = hasStoredAll ? this.#storedLooks + 1 : 0
    this.#isStored = this.#storedLooks >= STORED_LOOKS
    const nowMs = performance.now()
    if (nowMs - this.#toldMs > TELL_MS) {
      this.#toldMs = nowMs
      this.#options.onNote?.(this.#state())
    }
    if (!this.#isStored && this.#movement.stillForMs > STALL_LIMIT_MS) throw this.#stalled()
  }

  async #hasStoredAll(): Promise<boolean> {
    const { producer, kafka } = this.#stage
    try {
      // A producer that was stopped for good has nothing left; one that is coming up may have.
      if (producer.running !== undefined) {
        const waiting =
          (await producer.running.metric('tapedeck_queued_records')) +
          (await producer.running.metric('tapedeck_spool_bytes'))
        if (waiting > 0) return false
      } else if (!producer.isStopped) return false
      const ends = await partitionEnds(kafka)
      const { marks } = this.#movement
      return [...ends].every(
        ([partition, end]) => (marks.get(`${kafka.topic}/${partition}`)?.nextOffset ?? 0) >= end
      )
    } catch {
      return false // a server or the producer is away just now
    }
  }

  #state(): string {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0)
    const share = ((this.#sent / this.#options.trades.length) * 100).toFixed(1)
    return `${new Date().toISOString().slice(11)} ${seconds.padStart(4)} s  ${share.padStart(5)} % of the tape sent, ${this.#striker.kills} kills`
  }

  #stalled(): TapedeckError {
    const { producer, consumers, simulator } = this.#stage
    const said = [simulator, producer, ...consumers].map(
      (service) => `${service.name}:\n${service.lastLines()}`
    )
    const marks = [...this.#movement.marks].map(([log, { nextOffset }]) => `${log} ${nextOffset}`)
    return new TapedeckError(
      'TIMED_OUT',
      `Nothing was stored for ${STALL_LIMIT_MS / 1000} s: ${this.#state()}, checkpoints ${marks.join(', ')}\n${said.join('\n')}`
    )
  }
}

/** Bars that are over by the trades stored of their symbol, and still provisional. */
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
