import type { FeedTimes } from '@tapedeck/feed'
import type { Scenario } from '@tapedeck/simulator/testing'
import type { Expectation } from './expectation.ts'
import type { Harness } from './harness.ts'

/** A fault, the expected reaction of the pipeline, and how it is recognised. */
export interface FeedScenario {
  /** The name of a built-in scenario of the simulator, unless `faults` is given. */
  readonly name: string
  /** One sentence; by default the description of the simulator's scenario. */
  readonly about?: string
  /** The reaction in words, for the table. */
  readonly reaction: string
  readonly expect: Expectation
  readonly faults?: Scenario['steps']
  readonly symbols?: readonly string[]
  /** Variables of simulator and consumer, over those of every scenario. */
  readonly env?: Readonly<Record<string, string>>
  readonly times?: Partial<FeedTimes>
  /** A further check at the end: problems in words; repeated until there are none. */
  readonly check?: (harness: Harness) => Promise<readonly string[]>
  /** Done before the producer starts. */
  readonly before?: (harness: Harness) => Promise<void>
  /** Runs while the producer runs; the scenario ends after it. */
  readonly meanwhile?: (harness: Harness) => Promise<void>
}

/** The times of the feed, shortened for tests. */
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
