import { barText, candleChart, RIGHT } from './candle-chart.js'
import { errorChart } from './error-chart.js'
import { horizonsOf, isDoubtful, showForecast, showScores, unmadeText } from './forecast.js'
import { agoText, clockText, compactText, priceText } from './format.js'
import { askFeed, askRates, askSparklines, askSymbol, askSymbols, windowMsOf } from './market.js'
import { rateChart, rateNow } from './rate-chart.js'
import { slotsOf } from './scale.js'
import { feedText, feedTone } from './feed.js'
import { $, html, setText, show, sizeOf } from './svg.js'
import { removeSymbol, setUpSymbolForm } from './symbol-form.js'
import { showSymbols, showTrades } from './tables.js'
import { setUpWhy, showWhy } from './why.js'

const EVERY_MS = 1000
/** The small charts change slowly and read many bars. */
const SPARKLINES_EVERY = 3
const MODES = {
  simulated: 'A simulator generates these trades.',
  live: 'Trades come from Finnhub.',
  mixed: 'Some symbols are live, some simulated; each one says which.',
  none: 'No trade yet: waiting for the first one.'
}

const timeframes = document.body.dataset.timeframes.split(',')
const made = document.body.dataset.forecasts
const models = document.body.dataset.models.split(',')
const state = {
  chosen: undefined,
  timeframe: timeframes.includes('5s') ? '5s' : timeframes[0],
  horizon: undefined,
  model: models[0],
  symbols: [],
  feeds: [],
  changeable: false,
  sparklines: { bars: new Map(), label: '' },
  market: undefined,
  rates: [],
  pickedTime: undefined,
  /** A click pins the bar, so that it stays when the pointer leaves. */
  pinned: false
}
let round = 0
let timer
let failingSince

readAddress()
addTimeframes()
addHorizons()
addModels()
addChartInput()
setUpSymbolForm(() => void refresh())
setUpWhy(openWhy)
$('zone').textContent = `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`
document.addEventListener('visibilitychange', () => {
  clearTimeout(timer)
  if (document.hidden) $('connection').textContent = 'paused while hidden'
  else void refresh()
})
addEventListener('resize', () => draw())
addEventListener('hashchange', () => {
  readAddress()
  addHorizons()
  $('model').value = state.model
  void refresh()
})
void refresh()

/** One poll: reads, draws, and schedules the next poll a second later. A superseded poll draws nothing. */
async function refresh() {
  clearTimeout(timer)
  const own = ++round
  try {
    await read(own)
    if (own !== round) return
    failingSince = undefined
    $('connection').textContent = `updated ${clockText(Date.now())}`
  } catch (error) {
    if (own !== round) return
    failingSince ??= Date.now()
    setText(
      $('alert'),
      `No new data since ${clockText(failingSince)}: ${reasonOf(error)}. ` +
        'The page may show old data; it tries again every second.'
    )
  }
  $('alert').hidden = failingSince === undefined
  document.querySelector('main').classList.toggle('stale', failingSince !== undefined)
  draw()
  if (!document.hidden) timer = setTimeout(() => void refresh(), EVERY_MS)
}

/** Browsers describe an unreachable server differently, and none of them clearly. */
function reasonOf(error) {
  if (error.name === 'TimeoutError') return 'the api takes too long'
  return error instanceof TypeError ? 'the api does not answer' : error.message
}

async function read(own) {
  const [{ mode, changeable, symbols }, { feeds }] = await Promise.all([askSymbols(), askFeed()])
  const first = symbols.find(({ lastPrice }) => lastPrice !== null) ?? symbols[0]
  const chosen = symbols.find(({ symbol }) => symbol === state.chosen) ?? first
  const { timeframe, horizon, model } = state
  const [market, rates, sparklines] = await Promise.all([
    chosen === undefined ? undefined : askSymbol(chosen, { timeframe, horizon, model }),
    askRates(symbols),
    own % SPARKLINES_EVERY === 1 ? askSparklines(symbols) : state.sparklines
  ])
  if (own !== round) return
  Object.assign(state, { mode, changeable, symbols, feeds, rates, sparklines })
  state.chosen = chosen?.symbol
  state.market = market && { ...market, symbol: chosen, timeframe, horizon, model }
}

function draw() {
  if (state.mode !== undefined) {
    setText($('mode'), state.mode === 'none' ? 'waiting' : state.mode)
    $('mode').className = `badge ${state.mode}`
    $('mode-text').textContent = MODES[state.mode]
  }
  const { symbols, sparklines, chosen, changeable, feeds } = state
  if (state.mode !== undefined) {
    setText($('feed-text'), feedText(feeds))
    $('feed-text').className = feedTone(feeds)
    $('feed-text').title = feeds.map(({ lastError }) => lastError ?? '').join(' ')
  }
  $('symbol-form').hidden = !changeable
  showSymbols($('symbol-list'), symbols, {
    chosen,
    bars: sparklines.bars,
    choose,
    remove: removeSymbol,
    changeable
  })
  $('symbols-empty').hidden = symbols.length > 0 || state.mode === undefined
  $('spark-span').textContent = sparklines.label && `change over ${sparklines.label}`
  if (state.rates.length > 0) {
    $('rate-now').textContent = compactText(rateNow(state.rates))
    show($('rates'), rateChart(state.rates, sizeOf($('rates'))), 'No trade in the last 3 minutes')
  }
  if (state.market !== undefined) drawMarket(state.market)
}

function drawMarket(market) {
  const { symbol, timeframe, bars, forecasts, summary, scores, trades, gaps } = market
  const windowMs = windowMsOf(timeframe, bars)
  const { lastPrice, lastTradeAt } = symbol
  $('chosen').textContent = symbol.symbol
  $('last-price').textContent = lastPrice === null ? '' : priceText(lastPrice)
  $('last-when').textContent =
    lastTradeAt === null ? 'no trade yet' : `last trade ${agoText(Date.now() - lastTradeAt)}`
  document.title = lastPrice === null ? 'tapedeck' : `${priceText(lastPrice)} ${symbol.symbol}`
  for (const kind of ['bars', 'forecasts', 'trades']) {
    const parameters = new URLSearchParams({ symbol: symbol.symbol })
    if (kind !== 'trades') parameters.set('timeframe', timeframe)
    $(`${kind}-link`).href = `/api/v1/${kind}?${parameters}`
  }
  $('scores-link').href = `/api/v1/forecast-scores/${encodeURIComponent(symbol.symbol)}`
  const priced = bars.some(({ close }) => close !== null)
  const slots = priced ? slotsOf({ bars, forecasts, gaps }, windowMs) : undefined
  const picked = bars.find(({ time }) => time === state.pickedTime)
  const size = sizeOf($('candles'))
  const label =
    `Candles of ${symbol.symbol}, ${bars.length} bars of ${timeframe}, last price ` +
    `${priceText(lastPrice)}; arrow keys step through the bars`
  const doubtful = isDoubtful(summary)
  $('doubt').hidden = !doubtful
  const drawing =
    slots &&
    candleChart({
      bars,
      forecasts,
      doubtful,
      gaps,
      lastPrice,
      slots,
      windowMs,
      picked,
      size,
      label
    })
  const focused = $('candles').contains(document.activeElement)
  const waiting = lastTradeAt === null ? 'No trade yet' : `No bar of ${timeframe} in this range yet`
  show($('candles'), drawing, `${waiting}: it appears here by itself`)
  if (focused) drawing?.focus()
  const shown = picked ?? bars.at(-1)
  $('why').hidden = shown === undefined
  $('readout').textContent = shown === undefined ? '' : barText(shown, windowMs)
  $('readout').title = $('readout').textContent
  const errors = slots && errorChart({ forecasts, slots, windowMs, size: sizeOf($('errors')) })
  const unmade = unmadeText({ ...market, made })
  show($('errors'), errors, unmade ?? 'No scored forecast in this range yet')
  const parts = { next: $('forecast-next'), label: $('forecast-label'), facts: $('forecast-facts') }
  showForecast(parts, { ...market, lastPrice, windowMs, made })
  showScores($('score-rows'), scores, market.model)
  $('scores').hidden = scores.length === 0
  showTrades($('trade-rows'), trades)
  $('trades-empty').hidden = trades.length > 0
  $('trades-empty').textContent = `No trade of ${symbol.symbol} yet`
}

function choose(symbol) {
  state.chosen = symbol
  state.pinned = false
  state.pickedTime = undefined
  writeAddress()
  void refresh()
}

/** The address holds the choice, so that it can be a bookmark. */
function writeAddress() {
  history.replaceState(null, '', `#${new URLSearchParams(addressOf(state))}`)
}

function addressOf({ chosen, timeframe, horizon, model }) {
  return {
    symbol: chosen,
    timeframe,
    ...(horizon !== undefined && { horizon }),
    ...(model !== models[0] && { model })
  }
}

function readAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1))
  state.chosen = parameters.get('symbol') ?? state.chosen
  const timeframe = parameters.get('timeframe')
  if (timeframes.includes(timeframe)) state.timeframe = timeframe
  state.horizon = Number(parameters.get('horizon')) || state.horizon
  const model = parameters.get('model')
  if (models.includes(model)) state.model = model
}

/** The horizons of the chosen timeframe: a choice where there are several. */
function addHorizons() {
  const horizons = horizonsOf(made, state.timeframe)
  if (!horizons.includes(state.horizon)) state.horizon = horizons[0]
  $('horizons').hidden = horizons.length < 2
  $('horizon').replaceChildren(
    ...horizons.map((horizon) => new Option(`${horizon} bar${horizon === 1 ? '' : 's'}`, horizon))
  )
  $('horizon').value = state.horizon
}

function addModels() {
  $('model').replaceChildren(...models.map((model) => new Option(model)))
  $('model').value = state.model
  const changed = () => {
    state.horizon = Number($('horizon').value) || undefined
    state.model = $('model').value
    if (state.chosen !== undefined) writeAddress()
    void refresh()
  }
  $('model').addEventListener('change', changed)
  $('horizon').addEventListener('change', changed)
}

function addTimeframes() {
  for (const timeframe of timeframes) {
    const input = html('input', '')
    Object.assign(input, { type: 'radio', name: 'timeframe', value: timeframe })
    input.checked = timeframe === state.timeframe
    input.addEventListener('change', () => {
      state.timeframe = timeframe
      addHorizons()
      state.pinned = false
      state.pickedTime = undefined
      if (state.chosen !== undefined) writeAddress()
      void refresh()
    })
    const label = html('label', '')
    label.append(input, timeframe)
    $('timeframes').append(label)
  }
}

/** Explains the bar of the readout. */
function openWhy() {
  const bars = state.market?.bars ?? []
  const shown = bars.find(({ time }) => time === state.pickedTime) ?? bars.at(-1)
  if (shown !== undefined) void showWhy(shown, windowMsOf(state.market.timeframe, bars))
}

function pick(time) {
  if (time === state.pickedTime) return
  state.pickedTime = time
  draw()
}

/** Pointer and arrow keys choose the bar of the readout above the chart. */
function addChartInput() {
  const chart = $('candles')
  chart.addEventListener('pointermove', (event) => {
    const { bars, forecasts, gaps, timeframe } = state.market ?? {}
    if (state.pinned || bars === undefined || bars.length === 0) return
    const windowMs = windowMsOf(timeframe, bars)
    const slots = slotsOf({ bars, forecasts, gaps }, windowMs)
    const share =
      (event.clientX - chart.getBoundingClientRect().left) / (sizeOf(chart).width - RIGHT)
    const ms = slots.fromMs + share * (slots.toMs - slots.fromMs)
    pick(bars.findLast(({ time }) => ms >= time && ms < time + windowMs)?.time)
  })
  chart.addEventListener('pointerleave', () => {
    if (!state.pinned) pick(undefined)
  })
  chart.addEventListener('click', () => {
    state.pinned = !state.pinned && state.pickedTime !== undefined
  })
  chart.addEventListener('keydown', ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key]
    const bars = state.market?.bars ?? []
    if (key === 'Escape') {
      state.pinned = false
      pick(undefined)
    }
    if (key === '?') openWhy()
    if (step === undefined || bars.length === 0) return
    const at = bars.findIndex(({ time }) => time === state.pickedTime)
    const next = at < 0 ? bars.length - 1 : Math.min(bars.length - 1, Math.max(0, at + step))
    pick(bars[next].time)
  })
}
