export type {
  BarRow,
  Channel,
  DroppedTrades,
  ForecastRow,
  GapRow,
  StreamMessage,
  StreamRequest,
  TradeRow
} from './messages.ts'
export { openStream, type StreamBatch, type StreamOptions, type TapedeckStream } from './stream.ts'
