import { axisTimeText, compactText, estimateText, priceText } from './format.js'
import { linear, ticks, timeTicks } from './scale.js'
import { svg, svgText } from './svg.js'

export const RIGHT = 78
const TOP = 8
const BOTTOM = 20
/** The share of the height for volume, at the bottom of the plot. */
const VOLUME_SHARE = 0.18

/** Candles with volume, VWAP, past forecasts, the forecast of the next close, and feed outages. */
export function candleChart(shown) {
  const { bars, forecasts, doubtful, gaps, lastPrice, slots, windowMs, picked, size, label } = shown
  const { width, height } = size
  const priced = bars.filter(({ close }) => close !== null)
  const x = linear(slots.fromMs, slots.toMs, 0, width - RIGHT)
  const slot = Math.max(1, x(slots.fromMs + windowMs) - x(slots.fromMs))
  const [low, high] = priceRange(priced, forecasts)
  const floor = height - BOTTOM
  const y = linear(low, high, floor - (floor - TOP) * VOLUME_SHARE, TOP)
  const tall = linear(
    0,
    Math.max(...bars.map(({ volume }) => volume)),
    0,
    (floor - TOP) * VOLUME_SHARE
  )
  const geometry = { x, y, slot, windowMs, floor, width, top: TOP }
  const tags = tagsOf({ forecasts, doubtful, lastPrice, y })
  return svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: '0', 'aria-label': label },
    [
      ...grid(geometry, { low, high, slots, tags }),
      ...gaps.map((gap) => gapMark(gap, geometry, slots)),
      pickedSlot(geometry, picked),
      ...bars.map((bar) => volumeBar(bar, geometry, tall)),
      ...priced.map((bar) => candle(bar, geometry)),
      svg('path', { class: 'vwap', d: vwapPath(bars, geometry) }),
      svg(
        'g',
        { class: doubtful ? 'doubtful' : '' },
        forecasts.map((forecast) => forecastMark(forecast, geometry))
      ),
      ...tags.map((tag) => tagMark(tag, geometry))
    ]
  )
}

/** The range of all prices and forecasts. A wide band may reach beyond it; otherwise it would flatten the candles. */
function priceRange(bars, forecasts) {
  const values = [
    ...bars.flatMap(({ low, high }) => [low, high]),
    ...forecasts.filter(({ status }) => status !== 'void').map(({ forecast }) => forecast)
  ]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const spare = (high - low || high * 0.001 || 1) * 0.08
  return [low - spare, high + spare]
}

function grid({ x, y, floor, width, top, windowMs }, { low, high, slots, tags }) {
  const right = width - RIGHT
  const rows = ticks(low, high, 6).filter((price) => y(price) > top + 4)
  const isFree = (price) => tags.every(({ at }) => Math.abs(at - y(price)) > 15)
  const moments = timeTicks(slots.fromMs, slots.toMs, Math.max(2, width / 150))
  return [
    ...rows.flatMap((price) => [
      svg('line', { class: 'grid', x1: 0, x2: right, y1: y(price), y2: y(price) }),
      isFree(price) ? svgText(right + 6, y(price) + 4, priceText(price)) : undefined
    ]),
    ...moments
      .filter((ms) => x(ms) > 30 && x(ms) < right - 20)
      .flatMap((ms) => [
        svg('line', { class: 'grid', x1: x(ms), x2: x(ms), y1: top, y2: floor }),
        svgText(x(ms), floor + 15, axisTimeText(ms, windowMs), { 'text-anchor': 'middle' })
      ]),
    svg('line', { class: 'axis', x1: 0, x2: right, y1: floor, y2: floor })
  ]
}

function pickedSlot({ x, slot, top, floor }, picked) {
  if (picked === undefined) return undefined
  return svg('rect', { class: 'pick', x: x(picked.time), width: slot, y: top, height: floor - top })
}

const HATCH = 7
const LEAST_GAP_WIDTH = 2

/** An outage as a hatched stretch, so that "no trade" and "no feed" look different. */
function gapMark({ time, timeEnd, text }, { x, top, floor }, { fromMs, toMs }) {
  if (timeEnd < fromMs || time > toMs) return undefined
  const left = x(Math.max(time, fromMs))
  const right = Math.max(left + LEAST_GAP_WIDTH, x(Math.min(timeEnd, toMs)))
  // Lines x + y = constant, cut at the edges of the stretch.
  const first = Math.ceil((left + top) / HATCH) * HATCH
  let path = ''
  for (let sum = first; sum < right + floor; sum += HATCH) {
    const [from, to] = [Math.max(left, sum - floor), Math.min(right, sum - top)]
    const point = (at) => `${at.toFixed(1)} ${(sum - at).toFixed(1)}`
    if (from < to) path += `M${point(from)}L${point(to)}`
  }
  const title = svg('title', {}, [text])
  const area = { x: left, width: right - left, y: top, height: floor - top }
  return svg('g', { class: 'gap' }, [title, svg('rect', area), svg('path', { d: path })])
}

function directionOf({ open, close }) {
  return close >= open ? 'up' : 'down'
}

function volumeBar(bar, { x, slot, floor }, tall) {
  const height = tall(bar.volume)
  const kind = `volume ${bar.close === null ? '' : directionOf(bar)} ${bar.status}`
  return svg('rect', {
    class: kind,
    x: x(bar.time) + slot * 0.15,
    width: slot * 0.7,
    y: floor - height,
    height
  })
}

function candle(bar, { x, y, slot }) {
  const width = Math.max(1, slot * 0.64)
  const left = x(bar.time) + (slot - width) / 2
  const middle = left + width / 2
  const [upper, lower] = [Math.max(bar.open, bar.close), Math.min(bar.open, bar.close)]
  return svg('g', { class: `candle ${directionOf(bar)} ${bar.status}` }, [
    svg('line', { class: 'wick', x1: middle, x2: middle, y1: y(bar.high), y2: y(upper) }),
    svg('line', { class: 'wick', x1: middle, x2: middle, y1: y(lower), y2: y(bar.low) }),
    svg('rect', {
      class: 'body',
      x: left,
      width,
      y: y(upper),
      height: Math.max(1, y(lower) - y(upper))
    }),
    bar.status === 'revised'
      ? svg('circle', {
          class: 'revised-mark',
          stroke: 'none',
          cx: middle,
          cy: y(bar.high) - 6,
          r: 2.5
        })
      : undefined
  ])
}

/** The line breaks where more than three windows had no trade. */
function vwapPath(bars, { x, y, slot, windowMs }) {
  let previousMs = -Infinity
  let path = ''
  for (const { time, vwap } of bars) {
    if (vwap === null) continue
    const command = time - previousMs > 3 * windowMs ? 'M' : 'L'
    path += `${command}${(x(time) + slot / 2).toFixed(1)} ${y(vwap).toFixed(1)}`
    previousMs = time
  }
  return path
}

/** A past forecast is a line, an open one a line in its band. One may be open for each bar ahead. */
function forecastMark(forecast, { x, y, slot, top, floor }) {
  const { time, status } = forecast
  const at = y(forecast.forecast)
  const line = { x1: x(time), x2: x(time) + slot, y1: at, y2: at }
  if (status === 'scored') return svg('line', { class: 'past', ...line })
  if (status !== 'open') return undefined
  const upper = forecast.bandUpper ?? forecast.upper
  const lower = forecast.bandLower ?? forecast.lower
  const [above, below] = [Math.max(top, y(upper)), Math.min(floor, y(lower))]
  const edge = forecast.horizon === 1 ? slot * 0.5 : 0
  return svg('g', {}, [
    svg('rect', {
      class: forecast.horizon === 1 ? 'band' : 'band many',
      x: x(time) - edge,
      width: slot + 2 * edge,
      y: above,
      height: Math.max(1, below - above)
    }),
    svg('line', { ...line, class: 'next', x1: line.x1 - edge, x2: line.x2 + edge })
  ])
}

/** Prices on the axis: the last one and the forecast, moved apart when they would overlap. */
function tagsOf({ forecasts, doubtful, lastPrice, y }) {
  const next = forecasts.findLast(({ status }) => status === 'open')
  const last =
    lastPrice === null
      ? undefined
      : { text: priceText(lastPrice), at: y(lastPrice), kind: 'last-tag' }
  const kind = doubtful ? 'tag doubtful' : 'tag'
  const forecast = next && { text: estimateText(next.forecast), at: y(next.forecast), kind }
  if (last !== undefined && forecast !== undefined && Math.abs(last.at - forecast.at) < 19) {
    const sign = forecast.at >= last.at ? 1 : -1
    forecast.at = last.at + sign * 19
  }
  return [last, forecast].filter((tag) => tag !== undefined)
}

function tagMark({ text, at, kind }, { width }) {
  const left = width - RIGHT + 2
  return svg('g', {}, [
    svg('rect', { class: kind, x: left, width: RIGHT - 2, y: at - 9, height: 18, rx: 3 }),
    svgText(left + 4, at + 4, text, { class: 'tag-text' })
  ])
}

/** One line about a bar, for the readout above the chart. */
export function barText(bar, windowMs) {
  const prices =
    bar.close === null
      ? 'no trade that sets a price'
      : `open ${priceText(bar.open)}  high ${priceText(bar.high)}  low ${priceText(bar.low)}  ` +
        `close ${priceText(bar.close)}`
  return (
    `${axisTimeText(bar.time, windowMs)}  ${bar.status}${revisionText(bar)}${coverageText(bar)}  ${prices}  VWAP ${bar.vwap === null ? 'none' : estimateText(bar.vwap)}  ` +
    `volume ${compactText(bar.volume)}  trades ${bar.tradeCount}`
  )
}

/** How often, why, and by how much a bar was revised; empty for a bar without revisions. */
export function revisionText({ revision, revisionCause, lateCount, lateVolume }) {
  if (revision === 0) return ''
  const late = lateCount > 0 ? `, ${lateCount} late with volume ${compactText(lateVolume)}` : ''
  return ` ${revision} (${revisionCause ?? 'cause unknown'}${late})`
}

/** The coverage of a bar's window; empty when it is complete. */
export function coverageText({ coverage, coveragePercent }) {
  if (coverage === null) return '  coverage unknown'
  return coverage === 1 ? '' : `  coverage ${Math.min(99.9, coveragePercent).toFixed(1)} %`
}
