export { connectionId } from './connection-id.ts'
export { followFeed, type FeedEvent, type FeedSessionOptions } from './feed-session.ts'
export { recordsOf, type FrameOrigin } from './group-frame.ts'
export { parseFrame, type Frame, type FrameTrade, type RefusedTrade } from './parse-frame.ts'
