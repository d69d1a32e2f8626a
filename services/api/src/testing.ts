export { buildApi } from './build-api.ts'
export { API_VARIABLES, readConfig } from './config.ts'
export { LoadCache } from './load-cache.ts'
export { BARS_SCHEMA } from './market-schemas.ts'
export { readQuery, type Query } from './query.ts'
export { noteUnreadable } from './read-notes.ts'
export { MAX_WAITING_TRADES, OWN_FORMAT, StreamClient } from './stream/client.ts'
export {
  barEvents,
  forecastEvents,
  TradeEvents,
  type StreamEvent,
  type TradeRules
} from './stream/events.ts'
export { keysOf, readRequest } from './stream/messages.ts'
export { readResumeToken, resumeToken, type Log } from './stream/positions.ts'
export { RecentEvents } from './stream/recent-events.ts'
