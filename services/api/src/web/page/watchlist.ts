import { openStream, type BarRow } from '@tapedeck/client'
import { ask, ApiError, sendChange, persistently } from './api.ts'
import {
  $,
  colourOf,
  directionClass,
  html,
  oncePerFrame,
  setText,
  typed,
  watchView,
  type View
} from './dom.ts'
import { decimalsOfBars, percentText, priceText } from './format.ts'
import type { SymbolRow } from './rows.ts'
import { askToken, forgetToken, keepToken, storedToken } from './token.ts'

/** The height of a row, CSS pixels; page.css has the same. */
const ROW_HEIGHT = 44
/** Rows beyond the edge of the view that are followed too, so that scrolling shows prices at once. */
const SPARE_ROWS = 6
/** A list that scrolls is left alone for so long before its prices are asked for, ms. */
const STILL_MS = 200
/** Prices move at most so often, ms. */
const PRICES_MS = 200
const RETRY_MS = 5000
const SPARK_BARS = 30
const MOST_SPARKLINES = 40
const SPARK = { width: 56, height: 24 } as const
const WHY_TOKEN = 'Adding and removing symbols needs a token of the api with scope write.'
const STANDING_CLASS: Readonly<Record<string, string>> = {
  'quiet, not normal': 'warn-text',
  'over the limit': 'bad-text',
  rejected: 'bad-text'
}

/** What is known of a symbol's prices. */
interface Quote {
  last: number | null
  /** The price that the change is against: the close of the day before, or else the first price known. */
  base: number | undefined
  closes: { time: number; close: number }[]
  decimals: number
  /** Trades of the newest bar, by its id, to count those that come. */
  counted: { id: string; trades: number } | undefined
  /** The time of the newest bar that set `last`, epoch ms. */
  at: number
}

/** What is asked of stored bars: a sparkline, and the close before today. */
const CLOSING = ['symbol', 'time', 'open', 'close'] as const satisfies readonly (keyof BarRow)[]
type ClosingBar = Pick<BarRow, (typeof CLOSING)[number]>

interface Row {
  readonly element: HTMLLIElement
  readonly button: HTMLButtonElement
  readonly name: HTMLElement
  readonly note: HTMLElement
  readonly spark: HTMLCanvasElement
  readonly price: HTMLElement
  readonly change: HTMLElement
  readonly remove: HTMLButtonElement
  symbol: string
}

export interface WatchlistListeners {
  choose(symbol: string): void
  /** Symbols were added or removed. */
  onChange(): void
  /** Trades of the symbols in view that came since the last call. */
  onTrades(count: number): void
}

/**
 * The list of symbols, also of hundreds: only the rows in view exist, and only their prices are streamed, as the last price of
 * their one-minute bars.
 */
export class Watchlist {
  readonly #listeners: WatchlistListeners
  readonly #timeframe: string
  readonly #hasDays: boolean
  readonly #scroller = $('symbol-scroll')
  readonly #view: View
  readonly #list = $('symbol-list')
  readonly #search = typed('symbol-search', HTMLInputElement)
  readonly #rows: Row[] = []
  readonly #quotes = new Map<string, Quote>()
  #all: readonly SymbolRow[] = []
  #found: readonly SymbolRow[] = []
  #chosen: string | undefined
  #isChangeable = false
  /** The kept token is not allowed to change symbols. */
  #needsOtherToken = false
  #followed = ''
  #ended = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Soon after what the viewer does. */
  readonly #draw = oncePerFrame(() => this.#drawNow())
  /** Now and then while prices move. */
  readonly #drawPrices = oncePerFrame(() => this.#drawNow(), PRICES_MS)

  constructor(timeframes: readonly string[], listeners: WatchlistListeners) {
    this.#listeners = listeners
    this.#timeframe = timeframes.includes('1m') ? '1m' : (timeframes[0] ?? '1m')
    this.#hasDays = timeframes.includes('1d')
    this.#view = watchView(this.#scroller, () => this.#moved())
    this.#search.addEventListener('input', () => this.#find())
    this.#search.addEventListener('keydown', ({ key }) => {
      const first = this.#found[0]
      if (key === 'Enter' && first !== undefined) listeners.choose(first.symbol)
      if (key === 'Escape') {
        this.#search.value = ''
        this.#find()
        this.#search.blur()
      }
    })
    this.#setUpForm()
  }

  /** How many symbols' prices are streamed. */
  get followedCount(): number {
    return this.#followed === '' ? 0 : this.#followed.split(',').length
  }

  /** The last price of a symbol and the price its change is against. */
  quoteOf(symbol: string): Pick<Quote, 'last' | 'base'> | undefined {
    return this.#quotes.get(symbol)
  }

  show(symbols: readonly SymbolRow[], chosen: string | undefined, isChangeable: boolean): void {
    this.#all = symbols
    this.#isChangeable = isChangeable
    for (const { symbol, lastPrice, lastTradeAt } of symbols) {
      const quote = this.#quote(symbol)
      if (lastPrice !== null && (lastTradeAt ?? 0) > quote.at) quote.last = lastPrice
    }
    $('symbol-form').hidden = !isChangeable
    this.#list.classList.toggle('changeable', isChangeable)
    this.#find()
    this.choose(chosen)
  }

  choose(symbol: string | undefined): void {
    const isOther = symbol !== this.#chosen
    this.#chosen = symbol
    const at = this.#found.findIndex((one) => one.symbol === symbol)
    if (isOther && at >= 0) {
      const top = at * ROW_HEIGHT
      const { top: from, height } = this.#view
      if (top < from || top + ROW_HEIGHT > from + height) {
        this.#scroller.scrollTop = top - height / 2
      }
    }
    this.#moved()
  }

  /** The symbol above (-1) or below (1) the chosen one. */
  neighbour(by: 1 | -1): string | undefined {
    const at = this.#found.findIndex(({ symbol }) => symbol === this.#chosen)
    return this.#found[at + by]?.symbol
  }

  /** A trade of the chosen symbol: fresher than its bar. */
  lastPrice(symbol: string, price: number, atMs: number): void {
    const quote = this.#quote(symbol)
    if (atMs < quote.at) return
    quote.last = price
    quote.at = atMs
    this.#drawPrices()
  }

  redraw(): void {
    this.#draw()
  }

  #quote(symbol: string): Quote {
    let quote = this.#quotes.get(symbol)
    if (quote === undefined) {
      quote = { last: null, base: undefined, closes: [], decimals: 2, counted: undefined, at: 0 }
      this.#quotes.set(symbol, quote)
    }
    return quote
  }

  #find(): void {
    const words = this.#search.value.trim().toUpperCase()
    this.#found = this.#all.filter(({ symbol }) => symbol.toUpperCase().includes(words))
    this.#list.style.height = `${this.#found.length * ROW_HEIGHT}px`
    setText(
      $('symbol-count'),
      words === '' ? String(this.#all.length) : `${this.#found.length} of ${this.#all.length}`
    )
    const empty = $('symbols-empty')
    empty.hidden = this.#found.length > 0
    setText(
      empty,
      words === ''
        ? 'No symbol is configured, expected SYMBOLS'
        : `No symbol has '${words}' in its name`
    )
    this.#moved()
  }

  #moved(): void {
    this.#draw()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#follow(), STILL_MS)
  }

  #inView(spare = 1): readonly SymbolRow[] {
    const { top, height } = this.#view
    const from = Math.max(0, Math.floor(top / ROW_HEIGHT) - spare)
    return this.#found.slice(from, Math.ceil((top + height) / ROW_HEIGHT) + spare)
  }

  /** Streams the prices of what is in view, and asks once for what its rows need of the past. */
  #follow(): void {
    const names = new Set(this.#inView(SPARE_ROWS).map(({ symbol }) => symbol))
    if (this.#chosen !== undefined) names.add(this.#chosen)
    const symbols = [...names].toSorted()
    if (symbols.join() === this.#followed || symbols.length === 0) return
    this.#followed = symbols.join()
    this.#ended.abort()
    const ended = (this.#ended = new AbortController())
    void this.#stream(symbols, ended.signal)
    void persistently($('watch-panel'), ended.signal, () => this.#loadPast(symbols))
  }

  async #stream(symbols: readonly string[], signal: AbortSignal): Promise<void> {
    const timeframes = [this.#timeframe]
    const token = storedToken()
    const asked = { channels: ['bars'], symbols, timeframes, token, signal } as const
    try {
      for await (const { bars = [] } of openStream(location.origin, asked)) {
        let trades = 0
        for (const bar of bars) trades += this.#take(bar)
        if (trades > 0) this.#listeners.onTrades(trades)
        this.#drawPrices()
      }
    } catch {
      // Refused, such as without a broker: the list of symbols, which is asked for now and then, has prices too.
    }
    if (!signal.aborted) setTimeout(() => (this.#followed = ''), RETRY_MS)
  }

  /** Takes a version of a bar; returns how many trades it has more than the one before. */
  #take({ id, symbol, time, end, close, tradeCount, status }: BarRow): number {
    const quote = this.#quote(symbol)
    const { counted } = quote
    const fresh =
      counted?.id === id ? tradeCount - counted.trades : status === 'provisional' ? tradeCount : 0
    if (counted === undefined || counted.id === id || status === 'provisional') {
      quote.counted = { id, trades: tradeCount }
    }
    if (close !== null) {
      addClose(quote.closes, { time, close })
      if (time >= quote.at || end > quote.at) {
        quote.last = close
        quote.at = Math.max(quote.at, time)
      }
    }
    return counted === undefined ? 0 : Math.max(0, fresh)
  }

  async #loadPast(symbols: readonly string[]): Promise<void> {
    const missing = symbols.filter((symbol) => this.#quote(symbol).closes.length < 2)
    if (missing.length === 0) return
    const newest = Math.max(0, ...this.#all.map(({ lastTradeAt }) => lastTradeAt ?? 0))
    const few = missing.slice(0, MOST_SPARKLINES)
    const spanMs = SPARK_BARS * 60_000
    const [minutes, days] = await Promise.all([
      ask<{ bars: ClosingBar[] }>('bars', {
        symbol: few.join(),
        timeframe: this.#timeframe,
        fields: CLOSING.join(),
        from: newest - spanMs,
        limit: SPARK_BARS * few.length
      }),
      this.#hasDays
        ? ask<{ bars: ClosingBar[] }>('bars', {
            symbol: missing.join(),
            timeframe: '1d',
            fields: CLOSING.join(),
            from: newest - 5 * 86_400_000,
            limit: 5 * missing.length
          })
        : { bars: [] }
    ])
    const minutesOf = Map.groupBy(minutes.bars, ({ symbol }) => symbol)
    const daysOf = Map.groupBy(days.bars, ({ symbol }) => symbol)
    for (const { symbol, time, close } of minutes.bars) {
      if (close !== null) addClose(this.#quote(symbol).closes, { time, close })
    }
    for (const symbol of missing) {
      const quote = this.#quote(symbol)
      const [before, today] = (daysOf.get(symbol) ?? []).slice(-2)
      quote.base = today === undefined ? (before?.open ?? undefined) : (before?.close ?? undefined)
      quote.base ??= quote.closes[0]?.close
      quote.decimals = decimalsOfBars(minutesOf.get(symbol) ?? [])
    }
    this.#draw()
  }

  #drawNow(): void {
    const visible = this.#inView()
    const first = visible[0] === undefined ? 0 : this.#found.indexOf(visible[0])
    visible.forEach((one, at) => this.#fill(this.#row(at), one, first + at))
    this.#rows.forEach(({ element }, at) => {
      element.hidden = at >= visible.length
    })
  }

  #row(at: number): Row {
    const known = this.#rows[at]
    if (known !== undefined) return known
    const element = html('li')
    const button = html('button', 'symbol')
    button.type = 'button'
    const name = html('span', 'name')
    const note = html('small')
    const spark = html('canvas', 'spark')
    spark.width = SPARK.width * devicePixelRatio
    spark.height = SPARK.height * devicePixelRatio
    spark.setAttribute('aria-hidden', 'true')
    const price = html('span')
    const change = html('small')
    const [names, figures] = [html('span', 'names'), html('span', 'figures')]
    names.append(name, note)
    figures.append(price, change)
    button.append(names, spark, figures)
    const remove = html('button', 'remove', '×')
    remove.type = 'button'
    element.append(button, remove)
    this.#list.append(element)
    const row: Row = { element, button, name, note, spark, price, change, remove, symbol: '' }
    button.addEventListener('click', () => this.#listeners.choose(row.symbol))
    remove.addEventListener(
      'click',
      () => void this.#change('DELETE', `symbols/${encodeURIComponent(row.symbol)}`)
    )
    this.#rows.push(row)
    return row
  }

  #fill(row: Row, one: SymbolRow, place: number): void {
    const { symbol } = one
    const quote = this.#quote(symbol)
    row.element.style.transform = `translateY(${place * ROW_HEIGHT}px)`
    row.element.setAttribute('aria-setsize', String(this.#found.length))
    row.element.setAttribute('aria-posinset', String(place + 1))
    row.symbol = symbol
    row.button.title = standingText(one)
    row.button.setAttribute('aria-pressed', String(symbol === this.#chosen))
    setText(row.name, symbol.split(':').at(-1) ?? symbol)
    setText(row.note, noteOf(one))
    row.note.className = STANDING_CLASS[one.standing ?? ''] ?? 'muted'
    setText(row.price, quote.last === null ? '' : priceText(quote.last, quote.decimals))
    const change =
      quote.last === null || quote.base === undefined ? undefined : quote.last / quote.base - 1
    const text =
      quote.last === null ? 'no trade yet' : change === undefined ? '' : percentText(change)
    setText(row.change, text)
    row.change.className = directionClass(change)
    row.remove.hidden = !this.#isChangeable || !one.wanted
    row.remove.title = `Stop following ${symbol}`
    row.remove.setAttribute('aria-label', row.remove.title)
    drawSparkline(row.spark, quote.closes, change)
  }

  #setUpForm(): void {
    typed('symbol-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      const given = typed('symbol-input', HTMLInputElement).value.split(',')
      const symbols = given.map((one) => one.trim()).filter((one) => one !== '')
      if (symbols.length > 0) void this.#change('POST', 'symbols', { symbols })
    })
  }

  async #change(method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
    const note = $('symbol-note')
    setText(note, '')
    const kept = this.#needsOtherToken ? undefined : storedToken()
    const token = kept ?? (await askToken(WHY_TOKEN))
    if (token === '') return
    try {
      const { changed } = await sendChange<{ changed: string[] }>(method, path, token, body)
      keepToken(token)
      this.#needsOtherToken = false
      if (method === 'POST') typed('symbol-input', HTMLInputElement).value = ''
      const done = method === 'POST' ? 'added' : 'removed'
      setText(note, changed.length > 0 ? `${changed.join(', ')} ${done}` : 'No change')
      this.#listeners.onChange()
    } catch (error) {
      // A wrong token is forgotten, so that the next try asks for it again; one for reading alone is kept for that.
      const status = error instanceof ApiError ? error.status : undefined
      if (status === 401) forgetToken(token)
      else if (status === 403) this.#needsOtherToken = true
      else if (status !== undefined) keepToken(token)
      setText(note, error instanceof Error ? error.message : String(error))
    }
  }
}

function addClose(closes: Quote['closes'], one: Quote['closes'][number]): void {
  const at = closes.findLastIndex(({ time }) => time <= one.time)
  if (closes[at]?.time === one.time) closes[at] = one
  else closes.splice(at + 1, 0, one)
  if (closes.length > 2 * SPARK_BARS) closes.splice(0, closes.length - SPARK_BARS)
}

function drawSparkline(
  canvas: HTMLCanvasElement,
  closes: Quote['closes'],
  change: number | undefined
): void {
  const key = `${closes.length} ${closes.at(-1)?.time} ${closes.at(-1)?.close} ${Math.sign(change ?? 0)} ${colourOf('--up')}`
  if (canvas.dataset['drawn'] === key) return
  canvas.dataset['drawn'] = key
  const context = canvas.getContext('2d')
  if (context === null) return
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
  context.clearRect(0, 0, SPARK.width, SPARK.height)
  const shown = closes.slice(-SPARK_BARS)
  const [first, last] = [shown[0], shown.at(-1)]
  if (first === undefined || last === undefined || shown.length < 2) return
  const prices = shown.map(({ close }) => close)
  const [low, high] = [Math.min(...prices), Math.max(...prices)]
  context.strokeStyle = colourOf(
    change === undefined || change === 0 ? '--muted' : change > 0 ? '--up' : '--down'
  )
  context.lineWidth = 1.5
  context.beginPath()
  for (const { time, close } of shown) {
    const x = 1 + ((time - first.time) / (last.time - first.time)) * (SPARK.width - 2)
    const y =
      high === low ? SPARK.height / 2 : 3 + ((high - close) / (high - low)) * (SPARK.height - 6)
    context.lineTo(x, y)
  }
  context.stroke()
}

/** The state of a symbol and its reason, in one line. */
function standingText({ symbol, wanted, standing, reason }: SymbolRow): string {
  const stands = standing ?? (wanted ? 'wanted' : 'not followed')
  return `${symbol}: ${stands}${reason === null ? '' : ` (${reason})`}`
}

/** The exchange of a symbol, its feed, whether it is wanted, and what is wrong. */
function noteOf({ symbol, feed, configured, wanted, standing }: SymbolRow): string {
  const exchange = symbol.includes(':') ? symbol.split(':', 1)[0] : undefined
  const asked = wanted ? (configured ? undefined : 'added') : 'not followed'
  const problem = standing === 'receiving' ? undefined : standing
  const parts = [exchange, wanted ? feed : undefined, asked, problem]
  return parts.filter((part) => part !== undefined && part !== null).join(', ')
}
