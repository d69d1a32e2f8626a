export type {
  BarRow,
  Channel,
  DroppedTrades,
  ForecastRow,
  GapRow,
  ReplayChannel,
  ReplayCommand,
  ReplayCounts,
  ReplaySpeed,
  ReplayState,
  StreamMessage,
  StreamRequest,
  TradeRow
} from './messages.ts'
export {
  openReplay,
  type ReplayBatch,
  type ReplayOptions,
  type ReplayProgress,
  type TapedeckReplay
} from './replay.ts'
export { openStream, type StreamBatch, type StreamOptions, type TapedeckStream } from './stream.ts'
