import { performance } from 'node:perf_hooks'
import { messageOf, TapedeckError } from '@tapedeck/core'
import { readDeadTopic, type DeadLetter } from '@tapedeck/kafka'
import { BUILT_IN } from '@tapedeck/simulator/testing'
import { reactionSeen, unmet } from './expectation.ts'
import type { Observation } from './observation.ts'
import { SHORT_TIMES, type FeedScenario } from './scenario.ts'
import { openHarness, type Harness } from './harness.ts'
import { OwnScope } from '../../support/scope.ts'
import { until } from '../../support/until.ts'

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
/** Frames of the source after the last fault: they show that the feed goes on. */
const FRAMES_AFTERWARDS = 10

/** Plays one scenario through simulator, producer, broker, consumer and database. */
export async function playScenario(scenario: FeedScenario): Promise<Result> {
  const startedMs = performance.now()
  const scope = new OwnScope()
  const problems: string[] = []
  let seen: Observation | undefined
  try {
    const harness = await openHarness(scope, {
      symbols: scenario.symbols ?? SYMBOLS,
      env: { ...ENV, ...scenario.env },
      times: { ...SHORT_TIMES, ...scenario.times }
    })
    harness.simulator.play({
      name: scenario.name,
      about: aboutOf(scenario),
      steps: stepsOf(scenario)
    })
    try {
      await run(harness, scenario)
    } catch (error) {
      problems.push(messageOf(error))
    }
    seen = await harness.observe()
    problems.push(...unmet(scenario.expect, seen), ...(await furtherProblems(harness, scenario)))
  } catch (error) {
    problems.push(messageOf(error))
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

async function run(harness: Harness, scenario: FeedScenario): Promise<void> {
  const { before, meanwhile, expect } = scenario
  const { simulator } = harness
  await before?.(harness)
  const beside = meanwhile?.(harness) ?? Promise.resolve()
  beside.catch(() => undefined) // thrown by the await below
  await harness.startProducer()
  await beside
  await until('the scenario is played', () => {
    const { stepsDone = 0, steps = 0 } = simulator.progress() ?? {}
    return stepsDone === steps
  })
  if (expect.failure === undefined) {
    const sofar = simulator.stats().framesSent
    await until('the feed goes on', () => simulator.stats().framesSent >= sofar + FRAMES_AFTERWARDS)
    // Otherwise trades still under way would be received after the last look.
    await harness.endTrades()
  } else {
    await until('the producer fails', async () => (await harness.observe()).failure !== undefined)
    await harness.stopProducer()
  }
  await until('all is as expected', async () => {
    const problems = unmet(expect, await harness.observe())
    return problems.length === 0 && (await furtherProblems(harness, scenario)).length === 0
  })
}

/** The scenario's own check, and whether refused trades are in the dead-letter topic. */
async function furtherProblems(
  harness: Harness,
  { check, expect }: FeedScenario
): Promise<readonly string[]> {
  const problems = (await check?.(harness)) ?? []
  if (expect.refused === undefined) return problems
  const kept: Record<string, number> = {}
  await readDeadTopic(harness.market.kafka, ({ value }) => {
    const { reason } = JSON.parse(value) as DeadLetter
    const label = reason.split(':')[0] ?? reason
    kept[label] = (kept[label] ?? 0) + 1
    return undefined
  })
  const missing = Object.entries(expect.refused)
    .filter(([reason, count]) => kept[reason] !== count)
    .map(([reason, count]) => `${kept[reason] ?? 0} letters '${reason}', expected ${count}`)
  return [...problems, ...missing]
}

function stepsOf({ name, faults }: FeedScenario): NonNullable<FeedScenario['faults']> {
  const steps = faults ?? BUILT_IN.find((one) => one.name === name)?.steps
  if (steps !== undefined) return steps
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot play '${name}': the simulator has no such scenario`
  )
}

function aboutOf({ name, about }: FeedScenario): string {
  return about ?? BUILT_IN.find((one) => one.name === name)?.about ?? name
}
