/** Finnhub puts ten trades into a frame at most. */
const FRAME_TRADES = 10

/** One trade as its JSON text, keys in Finnhub's own order c, p, s, t, v. */
export interface TradeText {
  readonly symbol: string
  readonly text: string
}

/** One WebSocket text frame; its text is made once for all clients that subscribed to all of it. */
export interface TextFrame {
  readonly text: string
  /** Each symbol once; none for a frame that carries no trades, such as a recorded ping. */
  readonly symbols: readonly string[]
  readonly tradeCount: number
  /** Called only when a client subscribed to a part of the frame. */
  trades(): readonly TradeText[]
}

/** Packs trades into frames of ten, in their order, with symbols mixed. */
export function framesOf(trades: readonly TradeText[]): TextFrame[] {
  const frames: TextFrame[] = []
  for (let from = 0; from < trades.length; from += FRAME_TRADES) {
    frames.push(frameOf(trades.slice(from, from + FRAME_TRADES)))
  }
  return frames
}

/** One frame of the given trades, in their order. */
function frameOf(trades: readonly TradeText[]): TextFrame {
  const symbols: string[] = []
  let data = ''
  for (const { symbol, text } of trades) {
    if (!symbols.includes(symbol)) symbols.push(symbol)
    data = data === '' ? text : `${data},${text}`
  }
  return {
    text: `{"data":[${data}],"type":"trade"}`,
    symbols,
    tradeCount: trades.length,
    trades: () => trades
  }
}

/** The part of a frame that a client subscribed to: the frame itself, a smaller one, or undefined. */
export function portionOf(
  frame: TextFrame,
  subscribed: ReadonlySet<string>
): TextFrame | undefined {
  if (frame.symbols.every((symbol) => subscribed.has(symbol))) return frame
  if (!frame.symbols.some((symbol) => subscribed.has(symbol))) return undefined
  return frameOf(frame.trades().filter(({ symbol }) => subscribed.has(symbol)))
}
