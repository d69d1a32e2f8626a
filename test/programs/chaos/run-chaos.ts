import { TapedeckError } from '@tapedeck/core'
import { silentProgress, type Progress } from '@tapedeck/stack/testing'
import type { TapeTrade } from '../verify-tape/tape.ts'
import { Findings } from './findings.ts'
import type { OwnEnd } from './kept-service.ts'
import { Movement } from './movement.ts'
import { Recoveries, type RecoveryTimes } from './recoveries.ts'
import { RunLoop } from './run-loop.ts'
import { setStage } from './stage.ts'
import { Striker } from './striker.ts'
import { planStrikes, VICTIMS, type Victim } from './strikes.ts'
import { checkAll, type Checks } from './check-all.ts'

export interface ChaosOptions {
  readonly trades: readonly TapeTrade[]
  /** 1-minute bars of the whole tape; compared when nothing of it is missing. */
  readonly referenceFile?: string
  readonly kills: number
  readonly seed: number
  readonly spared?: readonly Victim[]
  readonly tradesPerSecond: number
  readonly progress?: Progress
  readonly signal?: AbortSignal
  /** Hears, in words, of each strike and every few seconds how far it is. */
  readonly onNote?: (note: string) => void
}

export interface ChaosResult extends Checks {
  readonly holds: boolean
  readonly seed: number
  readonly kills: Readonly<Record<Victim, number>>
  readonly killed: number
  /** Kills that came when the tape was over and all of it was stored. */
  readonly idleKills: number
  readonly pauses: number
  /** Pauses after which the sleeper had lost all its partitions. */
  readonly robbed: number
  readonly recovery: Readonly<Partial<Record<Victim, RecoveryTimes>>>
  /** Services that ended by themselves because a server was away, and were started again. */
  readonly ownEnds: number
  readonly seconds: number
  readonly findings: readonly string[]
}

/** Then the run is given up: services that end for a bug end again and again. */
const MOST_BAD_ENDS = 10

/**
 * Plays the trades through the whole pipeline while its processes are killed, and compares what is
 * stored with what stands on the topic, and that with the tape.
 *
 * @throws TIMED_OUT when nothing moves for a minute, with the last lines of every process
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { progress = silentProgress, signal = new AbortController().signal } = options
  const startedMs = performance.now()
  const findings = new Findings()
  const broken = new AbortController()
  const stopped = AbortSignal.any([signal, broken.signal])
  let ownEnds = 0
  const stage = await setStage({
    trades: options.trades,
    tradesPerSecond: options.tradesPerSecond,
    progress,
    signal,
    onOwnEnd(end: OwnEnd) {
      ownEnds++
      options.onNote?.(`${end.name} ended by itself with ${end.how} (${end.code ?? 'no code'})`)
      if (end.isExpected) return
      options.onNote?.(end.lines)
      findings.add('end', `${end.name} ended with ${end.how}: ${end.reason}`)
      if (findings.count >= MOST_BAD_ENDS)
        broken.abort(
          new TapedeckError(
            'SERVER_FAILED',
            `Services end with what no restart can mend, ${findings.count} times:\n${findings.shown.join('\n')}`
          )
        )
    }
  })
  try {
    const movement = new Movement(stage.database)
    const recoveries = new Recoveries(movement)
    const striker = new Striker(stage, movement, recoveries)
    const run = new RunLoop(stage, movement, recoveries, striker, options, stopped)
    const { idleKills } = await run.strikeAll(planStrikes(options))
    await run.untilStored()
    await run.untilFinal(findings)
    await stage.producer.stop()
    await run.untilStored() // the stop left a last record: the feed is away
    await Promise.all(stage.consumers.map((consumer) => consumer.stop()))
    options.onNote?.('comparing')
    const checks = await checkAll(stage, options, findings)
    return {
      holds: findings.count === 0 && striker.kills === options.kills,
      seed: options.seed,
      kills: Object.fromEntries(
        VICTIMS.map((victim) => [victim, striker.killsOf(victim)])
      ) as Record<Victim, number>,
      killed: striker.kills,
      idleKills,
      pauses: striker.pauses,
      robbed: striker.robbed,
      recovery: Object.fromEntries(VICTIMS.map((victim) => [victim, recoveries.of(victim)])),
      ownEnds,
      ...checks,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      findings: findings.shown
    }
  } finally {
    await stage.close()
  }
}
