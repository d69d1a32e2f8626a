import { ask, persistently } from './api.ts'
import { $, colourOf, oncePerFrame, setText, typed } from './dom.ts'
import { clockText, compactText } from './format.ts'
import type { FeedReport, FeedRow, RateRow, SymbolList } from './rows.ts'

const MODES = {
  simulated: 'A simulator generates these trades.',
  live: 'Trades come from Finnhub.',
  mixed: 'Some symbols are live, some simulated; each one says which.',
  none: 'No trade yet: waiting for the first one.'
} as const

/** The state of the feed is no channel of the stream, so it is asked for, ms. */
const FEED_MS = 5000
const RATE_SPAN_S = 180
/** The rate on show is the mean of so many complete seconds. */
const MEAN_OVER_S = 10
/** The newest seconds, whose bars are still on their way. */
const INCOMPLETE_S = 2
const LAG_SAMPLE = 25

/** Shows whether trades are live or simulated. */
export function showMode(mode: SymbolList['mode']): void {
  setText($('mode'), mode === 'none' ? 'waiting' : mode)
  $('mode').className = `badge ${mode}`
  setText($('mode-text'), MODES[mode])
}

/** Shows whether the page is told what is new. */
export function showStream(isLive: boolean, reason: string): void {
  const since = new Date().toISOString()
  const text = isLive
    ? 'live'
    : `reconnecting: ${reason === '' ? 'the connection was closed' : reason}`
  const element = $('connection')
  if (element.textContent !== text) element.title = `since ${since}`
  setText(element, text)
  element.className = isLive ? 'good' : 'bad'
  document.body.classList.toggle('stale', !isLive)
}

/** Shows what the producers report, again and again; a hidden page asks nothing. */
export async function followFeed(): Promise<never> {
  const panel = $('status-bar')
  for (;;) {
    if (!document.hidden) await persistently(panel, new AbortController().signal, showFeed)
    await new Promise((resolve) => setTimeout(resolve, FEED_MS))
  }
}

/** What the producers report, in one sentence each. */
async function showFeed(): Promise<void> {
  const { feeds, quotes } = await ask<Pick<FeedReport, 'feeds' | 'quotes'>>('feed')
  setText($('feed-text'), feedText(feeds))
  // Whoever collects no quotes is told nothing about them.
  setText($('quotes-text'), quotes.symbols.length === 0 ? '' : quotes.text)
  $('quotes-text').className = quotes.isAlarm ? 'bad' : 'muted'
  $('feed-text').className = feedTone(feeds)
  $('feed-text').title = feeds.map(({ lastError }) => lastError ?? '').join(' ')
}

/** One sentence for each feed: why it is silent, or that it is not. */
function feedText(feeds: readonly FeedRow[]): string {
  if (feeds.length === 0) return 'No producer has reported on its feed yet'
  return feeds
    .map(({ feed, state, isStale, explanation, warnings, queuedFrames, spooledBytes }) => {
      const isQueued = warnings.length === 0 && (queuedFrames > 0 || spooledBytes > 0)
      const kept = spooledBytes > 0 ? `, ${Math.ceil(spooledBytes / 1024)} KiB of them on disk` : ''
      const queued = isQueued ? `; ${queuedFrames} frames wait for the broker${kept}` : ''
      const said =
        explanation.startsWith(state) || isStale ? explanation : `${state}, ${explanation}`
      return `${feeds.length > 1 ? `${feed}: ` : ''}${said}${queued}`
    })
    .join(' · ')
}

/** `good` when all is well, `bad` when a feed is stale, stopped or has warnings, otherwise `waiting`. */
function feedTone(feeds: readonly FeedRow[]): string {
  const isBad = feeds.some(
    ({ isStale, state, warnings }) => isStale || state === 'stopped' || warnings.length > 0
  )
  if (isBad) return 'bad'
  return feeds.length > 0 && feeds.every(({ state }) => state === 'connected') ? 'good' : 'waiting'
}

/** The time from the receipt of a trade by the producer to this page: the median of the newest ones. */
export class Lag {
  readonly #samples: number[] = []
  readonly #draw = oncePerFrame(() => this.#show(), 1000)

  add(receivedAt: number): void {
    this.#samples.push(Date.now() - receivedAt)
    if (this.#samples.length > LAG_SAMPLE) this.#samples.shift()
    this.#draw()
  }

  /** Another market: what came before says nothing about it. */
  clear(): void {
    this.#samples.length = 0
    this.#show()
  }

  #show(): void {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const ms = sorted[Math.floor(sorted.length / 2)]
    setText(
      $('lag'),
      ms === undefined ? '' : `lag ${ms < 10_000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`}`
    )
  }
}

/** Trades per second of the symbols whose prices are streamed, over three minutes. */
export class TradeRate {
  /** By second of the epoch. */
  readonly #counts = new Map<number, number>()
  readonly #canvas = typed('rates', HTMLCanvasElement)
  readonly #draw = oncePerFrame(() => this.#drawNow(), 500)

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#canvas)
    setInterval(() => this.#draw(), 1000)
  }

  /** Asks once for the past, so that the chart begins full. */
  load(symbols: readonly string[]): void {
    void persistently($('rate-panel'), new AbortController().signal, async () => {
      const from = Date.now() - RATE_SPAN_S * 1000
      const { rates } = await ask<{ rates: RateRow[] }>('trade-rate', {
        symbol: symbols.join(),
        from,
        limit: 10_000
      })
      // What the stream counts is not counted twice.
      const untilS = Math.min(Math.floor(Date.now() / 1000), ...this.#counts.keys())
      for (const { time, tradesPerSecond } of rates) {
        const second = Math.floor(time / 1000)
        if (second < untilS)
          this.#counts.set(second, (this.#counts.get(second) ?? 0) + tradesPerSecond)
      }
      this.#draw()
    })
  }

  add(trades: number): void {
    const second = Math.floor(Date.now() / 1000)
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + trades)
    for (const old of this.#counts.keys()) {
      if (old < second - RATE_SPAN_S) this.#counts.delete(old)
    }
  }

  redraw(): void {
    this.#draw()
  }

  #drawNow(): void {
    const nowS = Math.floor(Date.now() / 1000)
    const rates = Array.from(
      { length: RATE_SPAN_S },
      (_, at) => this.#counts.get(nowS - RATE_SPAN_S + 1 + at) ?? 0
    )
    const complete = rates.slice(-INCOMPLETE_S - MEAN_OVER_S, -INCOMPLETE_S)
    const mean = complete.reduce((sum, rate) => sum + rate, 0) / MEAN_OVER_S
    const most = Math.max(...rates)
    setText($('rate-now'), compactText(mean))
    setText(
      $('rate-most'),
      most === 0 ? 'no trade in the last 3 minutes' : `most ${compactText(most)}`
    )
    setText($('rate-from'), clockText((nowS - RATE_SPAN_S) * 1000))
    setText($('rate-to'), clockText(nowS * 1000))
    this.#plot(rates, most)
  }

  #plot(rates: readonly number[], most: number): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas
    const [wide, high] = [
      Math.round(width * devicePixelRatio),
      Math.round(height * devicePixelRatio)
    ]
    if (this.#canvas.width !== wide) this.#canvas.width = wide
    if (this.#canvas.height !== high) this.#canvas.height = high
    const context = this.#canvas.getContext('2d')
    if (context === null) return
    context.clearRect(0, 0, wide, high)
    context.fillStyle = colourOf('--accent', 0.55)
    const step = wide / rates.length
    rates.forEach((rate, at) => {
      const tall = most === 0 ? 0 : (rate / most) * high
      context.fillRect(at * step, high - tall, Math.max(1, step - 0.5), tall)
    })
  }
}
