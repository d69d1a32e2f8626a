import type { BarRow, ForecastRow, StreamBatch, TradeRow } from '@tapedeck/client'

/** Closes in a sparkline. */
const CLOSES = 30
/** Trades on the tape. */
const TRADES = 200

/** What the screen shows of a symbol. */
export interface SymbolState {
  readonly symbol: string
  last: TradeRow | undefined
  /** Of the last price against the one before: 1 up, -1 down, 0 unchanged or the first. */
  direction: -1 | 0 | 1
  /** Newest version of each of the newest bars, ascending. */
  bars: BarRow[]
  forecast: ForecastRow | undefined
}

/** What the stream has said so far. */
export class TapeState {
  readonly symbols = new Map<string, SymbolState>()
  /** Newest last. */
  readonly trades: { readonly trade: TradeRow; readonly direction: -1 | 0 | 1 }[] = []
  /** Trades that were not sent because the terminal was too slow. */
  dropped = 0
  /** Outages that are open, by id. */
  readonly outages = new Map<string, string>()
  feed = ''

  constructor(symbols: readonly string[]) {
    for (const symbol of symbols) this.#of(symbol)
  }

  take({ trades = [], bars = [], forecasts = [], feed = [], dropped }: Partial<StreamBatch>): void {
    for (const trade of trades) this.#takeTrade(trade)
    for (const bar of bars) this.#takeBar(bar)
    for (const one of forecasts) {
      const state = this.#of(one.symbol)
      if (one.status === 'open' && one.time >= (state.forecast?.time ?? 0)) state.forecast = one
    }
    for (const { id, isOpen, cause } of feed) {
      if (isOpen) this.outages.set(id, cause)
      else this.outages.delete(id)
    }
    this.dropped += dropped?.trades ?? 0
  }

  #takeTrade(trade: TradeRow): void {
    const state = this.#of(trade.symbol)
    this.feed = trade.feed
    // A late trade moves no last price.
    const isNewest = trade.time >= (state.last?.time ?? 0)
    const move = Math.sign(trade.price - (state.last?.price ?? trade.price))
    const direction = move === 0 ? 0 : move > 0 ? 1 : -1
    if (isNewest) {
      state.direction = direction
      state.last = trade
    }
    this.trades.push({ trade, direction })
    if (this.trades.length > TRADES) this.trades.shift()
  }

  #takeBar(bar: BarRow): void {
    const state = this.#of(bar.symbol)
    const others = state.bars.filter(({ id }) => id !== bar.id)
    state.bars = [...others, bar].toSorted((a, b) => a.time - b.time).slice(-CLOSES)
  }

  #of(symbol: string): SymbolState {
    let state = this.symbols.get(symbol)
    if (state === undefined) {
      state = { symbol, last: undefined, direction: 0, bars: [], forecast: undefined }
      this.symbols.set(symbol, state)
    }
    return state
  }
}
