import { TapedeckError } from '@tapedeck/core'
import { silentProgress, type Progress } from '@tapedeck/stack/testing'
import type { TapeTrade } from '../../support/tape.ts'
import { Findings } from './findings.ts'
import type { OwnExit } from './supervised-service.ts'
import { CheckpointWatch } from './checkpoint-watch.ts'
import { Recoveries, type RecoveryTimes } from './recoveries.ts'
import { RunLoop } from './run-loop.ts'
import { openHarness } from './harness.ts'
import { FaultInjector } from './fault-injector.ts'
import { FeedFaults } from './feed-faults.ts'
import { planFaults, VICTIMS, type Victim } from './fault-plan.ts'
import { checkAll, type Checks } from './check-all.ts'

export interface ChaosOptions {
  readonly trades: readonly TapeTrade[]
  /** 1-minute bars of the whole tape; compared when no trade of it is missing. */
  readonly referenceFile?: string
  readonly kills: number
  readonly seed: number
  /** Three brokers and three mongods; most faults hit them. */
  readonly isCluster?: boolean
  readonly spared?: readonly Victim[]
  readonly tradesPerSecond: number
  /** Consumers in the group; 2 by default. */
  readonly consumers?: number
  /** The tape plays in the present, with outages of up to this long, ms; see FaultPlanOptions. */
  readonly longestOutageMs?: number
  readonly progress?: Progress
  readonly signal?: AbortSignal
  /** Receives a line for each fault, and the progress every few seconds. */
  readonly onNote?: (note: string) => void
}

export interface ChaosResult extends Checks {
  readonly holds: boolean
  readonly seed: number
  readonly kills: Readonly<Record<Victim, number>>
  readonly killed: number
  /** Kills after the tape had ended and all of it was stored. */
  readonly idleKills: number
  /** Of consumers. */
  readonly pauses: number
  /** Of brokers and mongods. */
  readonly serverPauses: number
  /** Pauses after which the consumer had lost all its partitions. */
  readonly fenced: number
  /** In the present: how often the feed was cut, and a symbol dropped and followed again. */
  readonly cuts: number
  readonly drops: number
  readonly recovery: Readonly<Partial<Record<Victim, RecoveryTimes>>>
  /** Services that ended by themselves because a server was unreachable, and were restarted. */
  readonly ownExits: number
  readonly seconds: number
  readonly findings: readonly string[]
}

/** The run is given up then: a service that ends because of a bug ends again after each restart. */
const MOST_BAD_EXITS = 10

/**
 * Plays the trades through the whole pipeline while its processes are killed; then compares the stored
 * documents with the topic, and the topic with the tape.
 *
 * @throws TIMED_OUT when nothing is stored in two minutes, with the last lines of every process
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { progress = silentProgress, signal = new AbortController().signal } = options
  const startedMs = performance.now()
  const findings = new Findings()
  const broken = new AbortController()
  const stopped = AbortSignal.any([signal, broken.signal])
  let ownExits = 0
  const harness = await openHarness({
    trades: options.trades,
    tradesPerSecond: options.tradesPerSecond,
    nodes: options.isCluster === true ? 3 : 1,
    consumers: options.consumers ?? 2,
    isPresent: options.longestOutageMs !== undefined,
    progress,
    signal,
    onOwnExit(end: OwnExit) {
      ownExits++
      options.onNote?.(`${end.name} ended by itself with ${end.how} (${end.code ?? 'no code'})`)
      if (end.isExpected) return
      options.onNote?.(end.lines)
      findings.add('end', `${end.name} ended with ${end.how}: ${end.reason}`)
      if (findings.count >= MOST_BAD_EXITS)
        broken.abort(
          new TapedeckError(
            'SERVER_FAILED',
            `Services ended ${findings.count} times with an error that no restart can fix:\n${findings.shown.join('\n')}`
          )
        )
    }
  })
  try {
    const checkpoints = new CheckpointWatch(harness.database)
    const recoveries = new Recoveries(checkpoints)
    const injector = new FaultInjector(harness, checkpoints, recoveries)
    const { present, database, outages } = harness
    const feedFaults = present && new FeedFaults(present, database, outages)
    const run = new RunLoop(
      harness,
      checkpoints,
      recoveries,
      injector,
      feedFaults,
      options,
      stopped
    )
    const { idleKills } = await run.injectAll(planFaults(options))
    await run.untilStored()
    await run.untilFollowed()
    await run.untilStored()
    await run.untilFinal(findings)
    await harness.producer.stop()
    await run.untilStored() // the stopping producer published an open gap
    await Promise.all(harness.consumers.map((consumer) => consumer.stop()))
    options.onNote?.('comparing')
    const checks = await checkAll(harness, { ...options, signal }, findings)
    return {
      holds: findings.count === 0 && injector.kills === options.kills,
      seed: options.seed,
      kills: Object.fromEntries(
        VICTIMS.map((victim) => [victim, injector.killsOf(victim)])
      ) as Record<Victim, number>,
      killed: injector.kills,
      idleKills,
      pauses: injector.pauses,
      serverPauses: injector.serverPauses,
      fenced: injector.fenced,
      cuts: feedFaults?.cuts ?? 0,
      drops: feedFaults?.drops ?? 0,
      recovery: Object.fromEntries(VICTIMS.map((victim) => [victim, recoveries.of(victim)])),
      ownExits,
      ...checks,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      findings: findings.shown
    }
  } finally {
    await harness.close()
  }
}
