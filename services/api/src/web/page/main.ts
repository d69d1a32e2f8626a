import { INDICATORS, readIndicator } from '@tapedeck/domain/indicators'
import { ask, persistently } from './api.ts'
import { barFacts, coverageText, MarketChart, revisionText, type LegendValue } from './chart.ts'
import { $, directionClass, forgetColours, html, oncePerFrame, setText, typed } from './dom.ts'
import { showForecast } from './forecast.ts'
import { agoText, momentText, percentText, priceText } from './format.ts'
import {
  addressOf,
  CHART_PARTS,
  CHART_TYPES,
  horizonsOf,
  readLayout,
  THEMES,
  type ChartPart,
  type Layout,
  type Offer
} from './layout.ts'
import { Market } from './market.ts'
import { followFeed, Lag, showMode, showStream, TradeRate } from './status.ts'
import { Tape } from './tape.ts'
import { setUpToken } from './token.ts'
import { Watchlist } from './watchlist.ts'
import { WhyDialog } from './why.ts'
import type { SymbolList, SymbolRow } from './rows.ts'
import type { ChartBar } from './series.ts'

const STORED = 'tapedeck-layout'
/** Which symbols there are, and their states, changes seldom, ms. */
const SYMBOLS_MS = 15_000

const { timeframes = '', forecasts = '', models = '' } = document.body.dataset
const offer: Offer = {
  timeframes: timeframes.split(','),
  forecasts: forecasts.split(',').filter((one) => one !== ''),
  models: models.split(',')
}
let layout: Layout = readLayout(location.hash, stored(), offer)
let symbols: readonly SymbolRow[] = []
let market: Market | undefined
/** The bar that the line above the chart shows. */
let shown: ChartBar | undefined

const tape = new Tape()
const lag = new Lag()
const rate = new TradeRate()
const why = new WhyDialog()
applyTheme()
const chart = new MarketChart($('chart'), layout, {
  needOlder: () => market?.loadOlder(),
  point: showBar
})
const watchlist = new Watchlist(offer.timeframes, {
  choose: (symbol) => change({ symbol }),
  onChange: () => void loadSymbols(),
  onTrades: (count) => {
    rate.add(count)
    setText($('rate-of'), rateScope())
  }
})
const showPrice = oncePerFrame(showPriceNow, 100)

setUpControls()
setUpKeys()
setUpToken()
void followFeed()
void loadSymbols(true)
setInterval(() => {
  if (!document.hidden) void loadSymbols()
}, SYMBOLS_MS)
setInterval(showPrice, 1000)
addEventListener('hashchange', () => {
  const next = readLayout(location.hash, JSON.stringify(layout), offer)
  if (JSON.stringify(next) !== JSON.stringify(layout)) change(next)
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)

function stored(): string | null {
  try {
    return localStorage.getItem(STORED)
  } catch {
    // Storage is switched off: the page begins as it is.
    return null
  }
}

async function loadSymbols(isFirst = false): Promise<void> {
  await persistently($('watch-panel'), new AbortController().signal, async () => {
    const list = await ask<SymbolList>('symbols')
    symbols = list.symbols
    showMode(list.mode)
    const known = symbols.find(({ symbol }) => symbol === layout.symbol)
    const chosen = known ?? symbols.find(({ lastPrice }) => lastPrice !== null) ?? symbols[0]
    watchlist.show(symbols, chosen?.symbol, list.changeable)
    if (isFirst || market === undefined) rate.load(symbols.slice(0, 50).map(({ symbol }) => symbol))
    if (market === undefined || known === undefined) change({ symbol: chosen?.symbol })
  })
  showPrice()
}

/** Takes another choice: shows it, keeps it, and puts it in the address. */
function change(next: Partial<Layout>): void {
  const before = layout
  layout = { ...layout, ...next }
  const horizons = horizonsOf(offer, layout.timeframe)
  if (!horizons.includes(layout.horizon ?? NaN)) layout.horizon = horizons[0]
  history.replaceState(null, '', addressOf(layout, offer))
  try {
    localStorage.setItem(STORED, JSON.stringify({ ...layout, symbol: undefined }))
  } catch {
    // Storage is switched off or full: the layout lasts as long as the page.
  }
  if (before.theme !== layout.theme) applyTheme()
  const isOther = (['symbol', 'timeframe', 'horizon', 'model'] as const).some(
    (name) => before[name] !== layout[name]
  )
  if (isOther || market === undefined) openMarket()
  else chart.arrange(layout)
  showControls()
}

function openMarket(): void {
  const { symbol } = layout
  if (symbol === undefined) return
  market?.close()
  lag.clear()
  chart.open(layout)
  const own = new Market(layout, symbol, offer.timeframes, {
    onSeries() {
      chart.show(own)
      setText($('chart-summary'), summaryOf(own))
    },
    onBars: (ids) => chart.touch(own, ids),
    onTrades(receivedAt) {
      const last = own.trades.at(-1)
      tape.show(symbol, own.trades, own.decimals)
      if (last === undefined) return
      watchlist.lastPrice(symbol, last.price, last.time)
      if (receivedAt !== undefined) lag.add(receivedAt)
      showPrice()
    },
    onForecast: () => showForecast(own, offer),
    onStream: showStream
  })
  market = own
  shown = undefined
  watchlist.choose(symbol)
  tape.show(symbol, [], 2)
  showForecast(own, offer)
  showPrice()
  $('older').hidden = true
  for (const kind of ['bars', 'forecasts', 'trades']) {
    const parameters = new URLSearchParams({ symbol })
    if (kind !== 'trades') parameters.set('timeframe', layout.timeframe)
    typed(`${kind}-link`, HTMLAnchorElement).href = `/api/v1/${kind}?${parameters}`
  }
  typed('scores-link', HTMLAnchorElement).href =
    `/api/v1/forecast-scores/${encodeURIComponent(symbol)}`
  own.start()
}

/** What the chart has, for those who do not see it. */
function summaryOf({ symbol, series }: Market): string {
  const { bars, timeframe, windowMs, isComplete } = series
  const [first, last] = [bars[0], bars.at(-1)]
  if (first === undefined || last === undefined) return `No bar of ${timeframe} of ${symbol} yet`
  const older = isComplete ? 'the oldest stored one' : 'older ones are loaded as you scroll'
  return `${bars.length} bars of ${timeframe} from ${momentText(first.time, windowMs)} (${older}) to ${momentText(last.time, windowMs)}`
}

function showPriceNow(): void {
  const symbol = layout.symbol
  if (symbol === undefined || market === undefined) return
  const row = symbols.find((one) => one.symbol === symbol)
  const trade = market.trades.at(-1)
  const price = trade?.price ?? row?.lastPrice ?? undefined
  const at = trade?.time ?? row?.lastTradeAt ?? undefined
  const base = watchlist.quoteOf(symbol)?.base
  const share = price === undefined || base === undefined ? undefined : price / base - 1
  setText($('chosen'), symbol)
  setText($('last-price'), price === undefined ? '' : priceText(price, market.decimals))
  setText($('last-change'), share === undefined ? '' : percentText(share))
  $('last-change').className = directionClass(share)
  setText(
    $('last-when'),
    at === undefined ? 'no trade yet' : `last trade ${agoText(Date.now() - at)}`
  )
  document.title =
    price === undefined ? 'tapedeck' : `${priceText(price, market.decimals)} ${symbol}`
}

/** The line over the chart: a bar in numbers, and the lines at it. */
function showBar(
  bar: ChartBar | undefined,
  values: readonly LegendValue[],
  isPinned: boolean
): void {
  shown = bar
  $('why').hidden = bar === undefined
  $('older').hidden = market?.series.isComplete !== true
  const facts = $('bar-facts')
  if (bar === undefined || market === undefined) {
    setText($('bar-when'), market === undefined ? '' : `No bar of ${layout.timeframe} here`)
    facts.replaceChildren()
    return
  }
  const notes = [
    momentText(bar.time, market.series.windowMs),
    `${bar.status}${revisionText(bar)}`,
    bar.session === 'continuous' ? '' : bar.session,
    coverageText(bar),
    isPinned ? 'pinned' : ''
  ]
  setText($('bar-when'), notes.filter((one) => one !== '').join(' · '))
  const move = bar.close === null || bar.open === null ? 0 : bar.close - bar.open
  showFacts(facts, [
    ...barFacts(bar, market.decimals).map(([label, text]) => {
      const isPrice = label.length === 1 && label !== 'V'
      const tone = isPrice && move !== 0 ? directionClass(move) : ''
      return { label, text, tone, colour: undefined }
    }),
    ...values.map((value) => ({ ...value, tone: '' }))
  ])
}

interface Fact {
  readonly label: string
  readonly text: string
  readonly tone: string
  /** Of the line that the number belongs to. */
  readonly colour: string | undefined
}

/** Numbers with their names, in elements that stay and change their texts. */
function showFacts(container: HTMLElement, facts: readonly Fact[]): void {
  facts.forEach(({ label, text, tone, colour }, at) => {
    let fact = container.children[at] as HTMLElement | undefined
    if (fact === undefined) {
      fact = html('span', 'fact')
      fact.append(html('span', 'muted'), html('span'))
      container.append(fact)
    }
    const own = colour === undefined ? '' : `var(${colour})`
    if (fact.style.getPropertyValue('--own') !== own) fact.style.setProperty('--own', own)
    fact.classList.toggle('line', colour !== undefined)
    const [name, value] = fact.children as unknown as [HTMLElement, HTMLElement]
    setText(name, label)
    setText(value, text)
    if (value.className !== tone) value.className = tone
  })
  while (container.children.length > facts.length) container.lastElementChild?.remove()
}

function rateScope(): string {
  const { followedCount } = watchlist
  return followedCount >= symbols.length
    ? 'all symbols, 3 min'
    : `${followedCount} symbols in view, 3 min`
}

function applyTheme(): void {
  document.documentElement.dataset['theme'] = layout.theme
  forgetColours()
  if (market === undefined) return
  chart.recolour()
  watchlist.redraw()
  rate.redraw()
}

function setUpControls(): void {
  const bar = $('timeframes')
  for (const timeframe of offer.timeframes) {
    const input = html('input')
    Object.assign(input, { type: 'radio', name: 'timeframe', value: timeframe })
    input.addEventListener('change', () => change({ timeframe }))
    const label = html('label')
    label.append(input, html('span', '', timeframe))
    bar.append(label)
  }
  choices('type', CHART_TYPES, (type) => change({ type }))
  choices('theme', THEMES, (theme) => change({ theme }))
  choices('model', offer.models, (model) => change({ model }))
  typed('horizon', HTMLSelectElement).addEventListener('change', () =>
    change({ horizon: Number(typed('horizon', HTMLSelectElement).value) })
  )
  for (const [part, label] of Object.entries(CHART_PARTS)) {
    $('part-list').append(
      tick(label, `part-${part}`, (isOn) => {
        const others = layout.parts.filter((one) => one !== part)
        change({ parts: isOn ? [...others, part as ChartPart] : others })
      })
    )
  }
  for (const [name, { label, parameters }] of Object.entries(INDICATORS)) {
    const row = tick(label, `indicator-${name}`, changeIndicators)
    for (const [parameter, usual] of parameters) {
      const input = html('input')
      Object.assign(input, { type: 'number', min: '1', max: '500', value: String(usual) })
      input.dataset['indicator'] = name
      input.setAttribute('aria-label', `${parameter} of ${label}`)
      input.addEventListener('change', changeIndicators)
      row.append(input)
    }
    $('indicator-list').append(row)
  }
  $('why').addEventListener('click', openWhy)
  $('live').addEventListener('click', () => chart.reset())
  $('help').addEventListener('click', openHelp)
  $('help-close').addEventListener('click', () => typed('help-dialog', HTMLDialogElement).close())
  setText($('zone'), `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`)
  showControls()
}

function changeIndicators(): void {
  const chosen = Object.keys(INDICATORS).flatMap((name) => {
    if (!typed(`indicator-${name}`, HTMLInputElement).checked) return []
    const inputs = document.querySelectorAll<HTMLInputElement>(`input[data-indicator="${name}"]`)
    const text = [name, ...[...inputs].map(({ value }) => value)].join(':')
    return readIndicator(text) === undefined ? [] : [text]
  })
  change({ indicators: chosen })
}

/** A box to tick with its label. */
function tick(text: string, id: string, changed: (isOn: boolean) => void): HTMLElement {
  const row = html('div', 'tick')
  const input = html('input')
  Object.assign(input, { type: 'checkbox', id })
  const label = html('label', '', text)
  label.htmlFor = id
  input.addEventListener('change', () => changed(input.checked))
  row.append(input, label)
  return row
}

function choices<T extends string>(id: string, all: readonly T[], changed: (one: T) => void): void {
  const select = typed(id, HTMLSelectElement)
  select.replaceChildren(...all.map((one) => new Option(one)))
  select.addEventListener('change', () => {
    const one = all.find((candidate) => candidate === select.value)
    if (one !== undefined) changed(one)
  })
}

/** Sets every control to the choice. */
function showControls(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>('#timeframes input')) {
    input.checked = input.value === layout.timeframe
  }
  typed('type', HTMLSelectElement).value = layout.type
  typed('theme', HTMLSelectElement).value = layout.theme
  typed('model', HTMLSelectElement).value = layout.model
  for (const part of Object.keys(CHART_PARTS)) {
    typed(`part-${part}`, HTMLInputElement).checked = layout.parts.includes(part as ChartPart)
  }
  for (const name of Object.keys(INDICATORS)) {
    const own = layout.indicators.map(readIndicator).find((one) => one?.name === name)
    typed(`indicator-${name}`, HTMLInputElement).checked = own !== undefined
    const inputs = document.querySelectorAll<HTMLInputElement>(`input[data-indicator="${name}"]`)
    own?.values.forEach((value, at) => {
      const input = inputs[at]
      if (input !== undefined) input.value = String(value)
    })
  }
  const horizons = horizonsOf(offer, layout.timeframe)
  $('horizons').hidden = horizons.length < 2
  const horizon = typed('horizon', HTMLSelectElement)
  horizon.replaceChildren(
    ...horizons.map((one) => new Option(`${one} bar${one === 1 ? '' : 's'}`, String(one)))
  )
  horizon.value = String(layout.horizon ?? '')
}

function openWhy(): void {
  if (shown !== undefined && market !== undefined) {
    void why.open(shown, market.series.windowMs, market.decimals)
  }
}

function openHelp(): void {
  typed('help-dialog', HTMLDialogElement).showModal()
}

function setUpKeys(): void {
  const neighbour = (by: 1 | -1): void => {
    const symbol = watchlist.neighbour(by)
    if (symbol !== undefined) change({ symbol })
  }
  const next = <T>(all: readonly T[], one: T): T => all[(all.indexOf(one) + 1) % all.length] ?? one
  /** The dialog of help in index.html lists the same keys. */
  const keys: Readonly<Record<string, () => void>> = {
    '?': openHelp,
    '/': () => typed('symbol-search', HTMLInputElement).focus(),
    ArrowUp: () => neighbour(-1),
    ArrowDown: () => neighbour(1),
    ArrowLeft: () => chart.step(-1),
    ArrowRight: () => chart.step(1),
    PageUp: () => chart.move(-0.5),
    PageDown: () => chart.move(0.5),
    End: () => chart.reset(),
    '+': () => chart.zoom(0.8),
    '-': () => chart.zoom(1.25),
    Escape: () => chart.unpoint(),
    w: openWhy,
    c: () => change({ type: next(CHART_TYPES, layout.type) }),
    i: () => {
      const menu = typed('chart-menu', HTMLDetailsElement)
      menu.open = !menu.open
      if (menu.open) menu.querySelector('input')?.focus()
    },
    t: () => change({ theme: next(THEMES, layout.theme) })
  }
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event
    const isTyping =
      target instanceof HTMLElement &&
      target.closest(
        'input:not([type=radio], [type=checkbox]), select, dialog[open], #tape-scroll, #symbol-scroll'
      ) !== null
    const menu = typed('chart-menu', HTMLDetailsElement)
    if (key === 'Escape') menu.open = false
    if (isTyping || ctrlKey || metaKey || altKey) return
    const timeframe = /^[1-9]$/.test(key) ? offer.timeframes[Number(key) - 1] : undefined
    if (timeframe !== undefined) change({ timeframe })
    const action = keys[key]
    if (action !== undefined) action()
    if (timeframe !== undefined || action !== undefined) event.preventDefault()
  })
  document.addEventListener('click', ({ target }) => {
    const menu = typed('chart-menu', HTMLDetailsElement)
    if (menu.open && target instanceof Node && !menu.contains(target)) menu.open = false
  })
}
