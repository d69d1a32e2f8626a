export { connectionId } from './connection-id.ts'
export { createFeed, type Feed } from './feed.ts'
export type { FeedEvent, FeedStanding, FrameEvent, StandingEvent } from './feed-event.ts'
export {
  FEED_TIMES,
  type FeedOptions,
  type FeedTimes,
  type FollowedProtocol
} from './feed-options.ts'
export { Liveness, type LivenessTimes, type LivenessVerdict } from './liveness.ts'
export { recordsOf, type FrameOrigin } from './records-of.ts'
export { Retry, type LineEnding } from './retry.ts'
export { Subscriptions, type StandingChange, type SubscriptionStep } from './subscriptions.ts'
