/** A final (or revised) bar as the forecasts need it; times are epoch ms, prices in quote currency. */
export interface FinalBar {
  readonly symbol: string
  readonly timeframe: string
  readonly startMs: number
  readonly endMs: number
  /** Null when no trade set a price. */
  readonly close: number | null
  readonly session: string
  readonly tradeDate: string
  /** Share of the window in which the feed was up, 0 to 1. */
  readonly coverage: number
  readonly feed: string
  /** 0 when first final, one more for every correction: tells a repeat from a revision. */
  readonly revision: number
}
