import type { FeedTimes } from '@tapedeck/feed'
import type { Scenario } from '@tapedeck/simulator/testing'
import type { Expectation } from './expectation.ts'
import type { Stage } from './stage.ts'

/** A fault, what the pipeline is to do about it, and how that is recognised. */
export interface FeedScenario {
  /** Of a built-in scenario of the simulator, unless `faults` has one. */
  readonly name: string
  /** One sentence; by default what the simulator's scenario says of itself. */
  readonly about?: string
  /** The reaction in words, for the table. */
  readonly reaction: string
  readonly expect: Expectation
  readonly faults?: Scenario['steps']
  readonly symbols?: readonly string[]
  /** Variables of simulator and consumer, over those of every scenario. */
  readonly env?: Readonly<Record<string, string>>
  readonly times?: Partial<FeedTimes>
  /** What else must be seen at the end: problems in words, asked until there are none. */
  readonly also?: (stage: Stage) => Promise<readonly string[]>
  /** Done before the producer starts. */
  readonly before?: (stage: Stage) => Promise<void>
  /** Done beside it, from its start; the scenario is not over before it is. */
  readonly meanwhile?: (stage: Stage) => Promise<void>
}

/** Waits of minutes, short enough to be waited for; the same in kind. */
export const SHORT_TIMES: Partial<FeedTimes> = {
  handshakeMs: 2000,
  pingEveryMs: 300,
  pongMs: 300,
  silenceMs: 1500,
  paceMs: 1,
  backoffBaseMs: 50,
  backoffCapMs: 200,
  busyMs: 300
}
