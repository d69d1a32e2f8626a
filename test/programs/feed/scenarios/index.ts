import type { FeedScenario } from '../scenario.ts'
import { CONTENT_SCENARIOS } from './content.ts'
import { LINE_SCENARIOS } from './line.ts'

export const FEED_SCENARIOS: readonly FeedScenario[] = [...LINE_SCENARIOS, ...CONTENT_SCENARIOS]
