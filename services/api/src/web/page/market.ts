import { anchorOf, vwapPartOf } from '@tapedeck/domain/indicators'
import { openStream, type StreamBatch, type TradeRow } from '@tapedeck/client'
import { ask, persistently } from './api.ts'
import { $ } from './dom.ts'
import { decimalsOf, decimalsOfBars } from './format.ts'
import type { Layout } from './layout.ts'
import { hasSessionVwap, type VwapSeed } from './lines.ts'
import type { Outage, ScoreRow, StoredForecast, SummaryRow } from './rows.ts'
import {
  BarSeries,
  SERIES_FIELDS,
  windowMsOf,
  type ChartBar,
  type ChartForecast
} from './series.ts'
import { storedToken } from './token.ts'

/** The forecasts of a series in words and numbers. */
export interface ForecastNews {
  /** The newest one, with what explains it. */
  readonly newest: StoredForecast | undefined
  readonly summary: SummaryRow | undefined
  readonly scores: readonly ScoreRow[]
}

export interface MarketListeners {
  /** What is drawn as a whole changed. */
  onSeries(): void
  /** Only these bars changed, by their ids. */
  onBars(ids: readonly string[]): void
  /** Trades were added; the newest one was received at that time, if the stream sent it just now. */
  onTrades(receivedAt?: number): void
  onForecast(): void
  /** The stream is connected, or not. */
  onStream(isLive: boolean, reason: string): void
}

/** Bars of one read of history. */
const PAGE_BARS = 600
const MAX_OUTAGES = 300
const TAPE_ROWS = 200
/** Trades or bars by which the tick is known. */
const TICK_SAMPLE = 50
/** How often forecasts are explained again at most, ms: they are made once a bar. */
const FORECAST_MS = 2000
/** Without the stream, what is new is asked for so often, ms. */
const POLL_MS = 2000
/** The timeframe whose sums begin a session's VWAP. */
const SEED_TIMEFRAME = '1m'
const SEED_FIELDS = 'notional,vwap,session,tradeDate'
const DAY_MS = 86_400_000

/**
 * One symbol on show: its history by REST, once, and what comes after by the stream. Where the stream is away, it asks every
 * two seconds instead; where it comes back, it asks once for what may have changed meanwhile.
 */
export class Market {
  readonly layout: Layout
  readonly symbol: string
  readonly series: BarSeries
  outages: readonly Outage[] = []
  seed: VwapSeed | undefined
  decimals = 2
  /** Whether the stream says what is new. */
  isLive = false
  /** Newest last. */
  trades: TradeRow[] = []
  forecast: ForecastNews = { newest: undefined, summary: undefined, scores: [] }
  readonly #listeners: MarketListeners
  readonly #offersSeed: boolean
  readonly #ended = new AbortController()
  readonly #tradeIds = new Set<string>()
  #isAskingOlder = false
  #forecastTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    layout: Layout,
    symbol: string,
    timeframes: readonly string[],
    listeners: MarketListeners
  ) {
    this.layout = layout
    this.symbol = symbol
    this.series = new BarSeries(layout.timeframe)
    this.#listeners = listeners
    this.#offersSeed = timeframes.includes(SEED_TIMEFRAME)
  }

  get isDoubtful(): boolean {
    return this.forecast.summary?.label === 'worse than naive'
  }

  start(): void {
    void this.#follow()
    void this.#persist('chart-panel', () => this.#loadFirst())
    void this.#persist('tape-panel', () => this.#loadTrades())
    this.#explainForecast(0)
    const poll = setInterval(() => {
      if (!this.isLive) this.#refresh()
    }, POLL_MS)
    this.#ended.signal.addEventListener('abort', () => clearInterval(poll))
  }

  close(): void {
    clearTimeout(this.#forecastTimer)
    this.#ended.abort()
  }

  /** Adds a page of older bars, unless the oldest stored one is there. */
  loadOlder(): void {
    const first = this.series.bars[0]
    if (first === undefined || this.series.isComplete || this.#isAskingOlder) return
    this.#isAskingOlder = true
    void this.#persist('chart-panel', async () => {
      await this.#load({ from: 0, to: first.time, limit: PAGE_BARS })
    }).finally(() => {
      this.#isAskingOlder = false
    })
  }

  #persist(panel: string, work: () => Promise<void>): Promise<void> {
    return persistently($(panel), this.#ended.signal, work)
  }

  async #loadFirst(): Promise<void> {
    await this.#load({ from: 0, limit: PAGE_BARS })
  }

  async #load(range: { from: number; to?: number; limit: number }): Promise<void> {
    const { symbol, series } = this
    const { timeframe, model, horizon } = this.layout
    const { bars } = await ask<{ bars: ChartBar[] }>('bars', {
      symbol,
      timeframe,
      fields: SERIES_FIELDS.bars,
      ...range
    })
    if (this.#ended.signal.aborted) return
    series.addBars(bars)
    const isOlder = range.to !== undefined || range.from === 0
    if (isOlder && bars.length < range.limit) series.isComplete = true
    this.#knowTick(bars)
    this.#listeners.onSeries()
    const first = series.bars[0]
    if (first === undefined) return
    const since = { from: bars[0]?.time ?? first.time }
    const until = range.to === undefined ? {} : { to: range.to }
    await Promise.all([
      this.#loadOutages(first.time),
      horizon === undefined
        ? undefined
        : ask<{ forecasts: ChartForecast[] }>('forecasts', {
            symbol,
            timeframe,
            horizon,
            model,
            fields: SERIES_FIELDS.forecasts,
            ...since,
            ...until,
            limit: 2 * PAGE_BARS
          }).then(({ forecasts }) => series.addForecasts(forecasts, model, horizon)),
      isOlder ? this.#loadSeed(first) : undefined
    ])
    if (!this.#ended.signal.aborted) this.#listeners.onSeries()
  }

  async #loadOutages(from: number): Promise<void> {
    const { gaps } = await ask<{ gaps: Outage[] }>('gaps', { from, limit: MAX_OUTAGES })
    this.outages = gaps.filter(
      ({ id, log, symbols }) =>
        symbols.includes(this.symbol) ||
        // An outage of one partition concerns the symbol when its bars name the outage.
        (symbols.length === 0 &&
          (log === null || this.series.bars.some(({ gapIds }) => gapIds.includes(id))))
    )
  }

  /** Sums of the first bar's session before that bar. They end at a whole minute, so that no trade counts twice. */
  async #loadSeed(first: ChartBar): Promise<void> {
    const { timeframe } = this.layout
    this.seed = undefined
    if (!this.#offersSeed || !hasSessionVwap(timeframe) || this.series.isComplete) return
    const stepMs = Math.max(windowMsOf(SEED_TIMEFRAME), windowMsOf(timeframe))
    const untilMs = Math.ceil(first.time / stepMs) * stepMs
    const range = { from: first.time - DAY_MS, to: untilMs, limit: 1500 }
    const { bars } = await ask<{ bars: Parameters<typeof vwapPartOf>[0][] }>('bars', {
      symbol: this.symbol,
      timeframe: SEED_TIMEFRAME,
      fields: SEED_FIELDS,
      ...range
    })
    const anchor = anchorOf(first)
    const own = bars.map(vwapPartOf).filter((part) => part.anchor === anchor)
    const sum = (name: 'notional' | 'volume'): number =>
      own.reduce((all, part) => all + part[name], 0)
    this.seed = { anchor, untilMs, notional: sum('notional'), volume: sum('volume') }
  }

  async #loadTrades(): Promise<void> {
    const { trades } = await ask<{ trades: TradeRow[] }>('trades', {
      symbol: this.symbol,
      from: 0,
      limit: TAPE_ROWS
    })
    if (this.#ended.signal.aborted) return
    this.#addTrades(trades)
    this.trades.sort((a, b) => a.time - b.time)
    this.#knowTick(this.series.bars)
    this.#listeners.onTrades()
  }

  /** Asks for what may have changed while nothing came. */
  #refresh(): void {
    const from = this.series.changeableFrom
    if (from === undefined) void this.#persist('chart-panel', () => this.#loadFirst())
    else
      void this.#persist('chart-panel', () =>
        this.#load({ from: Math.max(1, from), limit: 10_000 })
      )
    void this.#persist('tape-panel', () => this.#loadTrades())
    this.#explainForecast(0)
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended
    let hasBeenAway = false
    const stream = openStream(location.origin, {
      token: storedToken(),
      channels: ['trades', 'bars', 'forecasts', 'feed'],
      symbols: [this.symbol],
      timeframes: [this.layout.timeframe],
      signal,
      onStatus: (isLive, reason) => {
        if (signal.aborted) return
        if (isLive && hasBeenAway) this.#refresh()
        hasBeenAway = !isLive
        this.isLive = isLive
        this.#listeners.onStream(isLive, reason)
      }
    })
    try {
      for await (const batch of stream) {
        if (signal.aborted) return
        this.#take(batch)
      }
    } catch (error) {
      // The subscription is refused: polling goes on.
      this.isLive = false
      this.#listeners.onStream(false, error instanceof Error ? error.message : String(error))
    }
  }

  #take({
    trades = [],
    bars = [],
    forecasts = [],
    feed = [],
    dropped,
    isSnapshot
  }: StreamBatch): void {
    const { series, layout } = this
    const changed = new Set<string>()
    let isStructural = bars.length > 0 && series.addBars(bars)
    for (const { id } of bars) changed.add(id)
    if (trades.length > 0) {
      const fresh = this.#addTrades(trades)
      for (const trade of fresh) {
        const last = series.bars.at(-1)
        if (series.applyTrade(trade) && last !== undefined) changed.add(last.id)
      }
      this.#listeners.onTrades(isSnapshot ? undefined : fresh.at(-1)?.receivedAt)
    }
    if (forecasts.length > 0) {
      isStructural = series.addForecasts(forecasts, layout.model, layout.horizon) || isStructural
      this.#explainForecast(FORECAST_MS)
    }
    if (dropped !== undefined) this.#refresh()
    if (feed.length > 0) {
      const from = series.bars[0]?.time
      if (from !== undefined) {
        void this.#persist('chart-panel', async () => {
          await this.#loadOutages(from)
          this.#listeners.onSeries()
        })
      }
    }
    if (isStructural) this.#listeners.onSeries()
    else if (changed.size > 0) this.#listeners.onBars([...changed])
  }

  /** Takes trades that were not there before, and returns them. */
  #addTrades(trades: readonly TradeRow[]): TradeRow[] {
    const fresh = trades.filter(({ id }) => !this.#tradeIds.has(id))
    for (const { id } of fresh) this.#tradeIds.add(id)
    this.trades.push(...fresh)
    if (this.trades.length > 2 * TAPE_ROWS) {
      for (const { id } of this.trades.splice(0, this.trades.length - TAPE_ROWS))
        this.#tradeIds.delete(id)
    }
    return fresh
  }

  #knowTick(bars: readonly ChartBar[]): void {
    if (this.trades.length >= TICK_SAMPLE) {
      this.decimals = decimalsOf(this.trades.slice(-TICK_SAMPLE).map(({ price }) => price))
    } else if (bars.length > 0) this.decimals = decimalsOfBars(bars.slice(-TICK_SAMPLE))
  }

  #explainForecast(afterMs: number): void {
    const { horizon, timeframe, model } = this.layout
    if (this.#forecastTimer !== undefined || this.#ended.signal.aborted) return
    this.#forecastTimer = setTimeout(() => {
      this.#forecastTimer = undefined
      const of = { symbol: this.symbol, timeframe, ...(horizon !== undefined && { horizon }) }
      void this.#persist('forecast-panel', async () => {
        const [{ summary }, { scores }, { forecasts }] = await Promise.all([
          ask<{ summary: SummaryRow[] }>('forecast-summary', { ...of, model }),
          ask<{ scores: ScoreRow[] }>('forecast-scores', of),
          ask<{ forecasts: StoredForecast[] }>('forecasts', {
            ...of,
            model,
            from: 0,
            over: 'made',
            limit: 1
          })
        ])
        if (this.#ended.signal.aborted) return
        const wasDoubtful = this.isDoubtful
        this.forecast = { newest: forecasts.at(-1), summary: summary[0], scores }
        this.#listeners.onForecast()
        if (wasDoubtful !== this.isDoubtful) this.#listeners.onSeries()
      })
    }, afterMs)
  }
}
