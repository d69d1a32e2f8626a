export type {
  Channel,
  DroppedTrades,
  ReplayChannel,
  ReplayCommand,
  ReplayCounts,
  ReplaySpeed,
  ReplayState,
  StreamMessage,
  StreamRequest
} from './messages.ts'
export {
  openReplay,
  type ReplayBatch,
  type ReplayOptions,
  type ReplayProgress,
  type TapedeckReplay
} from './replay.ts'
export type { BarRow, ForecastRow, GapRow, RunRow, TradeRow } from './rows.ts'
export { openStream, type StreamBatch, type StreamOptions, type TapedeckStream } from './stream.ts'
