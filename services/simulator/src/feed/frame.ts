/** Finnhub puts ten trades into a frame at most. */
const FRAME_TRADES = 10

/** One trade as its JSON text, keys in Finnhub's own order c, p, s, t, v. */
export interface TradeText {
  readonly symbol: string
  readonly text: string
}

/** One WebSocket text frame; the text is made once and shared by all clients that want all of it. */
export interface Frame {
  readonly text: string
  /** Each symbol once; none for a frame that carries no trades, such as a recorded ping. */
  readonly symbols: readonly string[]
  readonly tradeCount: number
  /** Only asked for when a client wants a part of the frame. */
  trades(): readonly TradeText[]
}

/** Packs trades into frames of ten, in their order, symbols mixed as they come. */
export function framesOf(trades: readonly TradeText[]): Frame[] {
  const frames: Frame[] = []
  for (let from = 0; from < trades.length; from += FRAME_TRADES) {
    frames.push(frameOf(trades.slice(from, from + FRAME_TRADES)))
  }
  return frames
}

/** One frame of the given trades, in their order. */
export function frameOf(trades: readonly TradeText[]): Frame {
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

/** What a client subscribed to of a frame: the frame itself, a smaller one, or nothing. */
export function portionOf(frame: Frame, subscribed: ReadonlySet<string>): Frame | undefined {
  if (frame.symbols.every((symbol) => subscribed.has(symbol))) return frame
  if (!frame.symbols.some((symbol) => subscribed.has(symbol))) return undefined
  return frameOf(frame.trades().filter(({ symbol }) => subscribed.has(symbol)))
}
