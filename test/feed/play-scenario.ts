import { performance } from 'node:perf_hooks'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { BUILT_IN } from '@tapedeck/simulator'
import { reactionSeen, unmet } from './expectation.ts'
import type { Observation } from './observation.ts'
import { SHORT_TIMES, type FeedScenario } from './scenario.ts'
import { Scope } from './scope.ts'
import { openStage, type Stage } from './stage.ts'
import { until } from './until.ts'

/** One line of the table. */
export interface Result {
  readonly name: string
  readonly about: string
  readonly reactionExpected: string
  readonly reactionSeen: string
  readonly framesSent: number
  readonly tradesStored: number
  readonly gapsRecorded: number
  readonly seconds: number
  /** What was not as expected; empty: it holds. */
  readonly problems: readonly string[]
}

const SYMBOLS = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT']
const ENV = {
  SIMULATOR_RATE: '30',
  SIMULATOR_PING: '200ms',
  FLUSH_INTERVAL: '50ms'
}
/** Frames of the source after the last fault, so that it is seen to go on. */
const FRAMES_AFTERWARDS = 10

/** Plays one scenario through simulator, producer, broker, consumer and database. */
export async function playScenario(scenario: FeedScenario): Promise<Result> {
  const startedMs = performance.now()
  const scope = new Scope()
  const problems: string[] = []
  let seen: Observation | undefined
  try {
    const stage = await openStage(scope, {
      symbols: scenario.symbols ?? SYMBOLS,
      env: { ...ENV, ...scenario.env },
      times: { ...SHORT_TIMES, ...scenario.times }
    })
    stage.simulator.play({
      name: scenario.name,
      about: aboutOf(scenario),
      steps: stepsOf(scenario)
    })
    try {
      await run(stage, scenario)
    } finally {
      seen = await stage.observe()
    }
    problems.push(...unmet(scenario.expect, seen))
  } catch (error) {
    problems.push(messageOf(error))
    if (seen !== undefined) problems.push(...unmet(scenario.expect, seen))
  } finally {
    await scope.end()
  }
  return {
    name: scenario.name,
    about: aboutOf(scenario),
    reactionExpected: scenario.reaction,
    reactionSeen: seen === undefined ? 'nothing' : reactionSeen(seen),
    framesSent: (seen?.simulator.framesSent ?? 0) + (seen?.simulator.framesInjected ?? 0),
    tradesStored: seen?.stored ?? 0,
    gapsRecorded: seen?.gaps.length ?? 0,
    seconds: (performance.now() - startedMs) / 1000,
    problems
  }
}

async function run(stage: Stage, { before, meanwhile, expect }: FeedScenario): Promise<void> {
  const { simulator } = stage
  await before?.(stage)
  const beside = meanwhile?.(stage) ?? Promise.resolve()
  beside.catch(() => undefined) // thrown by the await below
  await stage.startProducer()
  await beside
  await until('the scenario is played', () => {
    const { stepsDone = 0, steps = 0 } = simulator.progress() ?? {}
    return stepsDone === steps
  })
  if (expect.failure === undefined) {
    const sofar = simulator.stats().framesSent
    await until('the feed goes on', () => simulator.stats().framesSent >= sofar + FRAMES_AFTERWARDS)
    simulator.perform({ do: 'mute', pings: true })
  } else {
    await until('the producer fails', async () => (await stage.observe()).failure !== undefined)
    await stage.stopProducer()
  }
  await until('all is as expected', async () => {
    return unmet(expect, await stage.observe()).length === 0
  })
}

function stepsOf({ name, faults }: FeedScenario): NonNullable<FeedScenario['faults']> {
  const steps = faults ?? BUILT_IN.find((one) => one.name === name)?.steps
  if (steps !== undefined) return steps
  throw new TapedeckError('CONFIG_INVALID', `Cannot play '${name}': the simulator has none such`)
}

export function aboutOf({ name, about }: FeedScenario): string {
  return about ?? BUILT_IN.find((one) => one.name === name)?.about ?? name
}
