import { playScenario, type Result } from './play-scenario.ts'
import type { FeedScenario } from './scenario.ts'
import { CONNECTION_SCENARIOS } from './scenarios/connection.ts'
import { CONTENT_SCENARIOS } from './scenarios/content.ts'

export const FEED_SCENARIOS: readonly FeedScenario[] = [
  ...CONNECTION_SCENARIOS,
  ...CONTENT_SCENARIOS
]

/** At a time: a scenario mostly waits for a time-out or for the consumer group to form. */
const AT_ONCE = 3

/** Plays scenarios, a few at a time; results come in the order given. */
export async function playAll(
  scenarios: readonly FeedScenario[],
  onResult: (result: Result) => void,
  signal: AbortSignal
): Promise<readonly Result[]> {
  const playing: Promise<Result>[] = []
  const results: Result[] = []
  for (const scenario of [...scenarios, ...Array.from({ length: AT_ONCE }, () => undefined)]) {
    if (playing.length >= AT_ONCE || scenario === undefined) {
      const result = await playing.shift()
      if (result !== undefined) {
        results.push(result)
        onResult(result)
      }
    }
    if (scenario !== undefined && !signal.aborted) playing.push(playScenario(scenario))
  }
  return results
}
