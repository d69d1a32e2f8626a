import {
  BarSeries as OhlcSeries,
  CandlestickSeries,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  LineType,
  TickMarkType,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type LogicalRange,
  type SeriesType,
  type Time,
  type UTCTimestamp
} from 'lightweight-charts'
import { colourOf, oncePerFrame } from './dom.ts'
import { axisText, compactText, errorText, momentText, priceText } from './format.ts'
import type { ChartPart, Layout } from './layout.ts'
import {
  hasSessionVwap,
  indicatorLines,
  sessionVwap,
  type ChartLine,
  type VwapSeed
} from './lines.ts'
import { Overlays } from './overlays.ts'
import type { BarSeries, ChartBar, ChartForecast, Slot } from './series.ts'
import type { Outage } from './rows.ts'

/** What the chart draws. */
export interface ChartContent {
  readonly series: BarSeries
  readonly outages: readonly Outage[]
  readonly seed: VwapSeed | undefined
  readonly isDoubtful: boolean
  readonly decimals: number
}

export interface ChartListeners {
  /** The left edge comes near: older bars are wanted. */
  needOlder(): void
  /** A bar is pointed at, or none, and the newest one counts. `values` are those of the lines at that bar. */
  point(bar: ChartBar | undefined, values: readonly LegendValue[], isPinned: boolean): void
}

export interface LegendValue {
  readonly label: string
  readonly colour: string
  readonly text: string
}

/** Bars left of the view at which older ones are asked for. */
const NEAR_EDGE = 150
/** Bars in view at first, at most, and the width of one, CSS pixels. */
const FIRST_BARS = 130
const BAR_WIDTH = 5.5
/** Fewer bars do not fill the chart. */
const LEAST_BARS = 40
const RIGHT_OFFSET = 3
/** Lines over the bars are computed again at most so often while the newest bar moves, ms. */
const LINES_MS = 250
/** A bar that moves is drawn at most so often, ms, so that panning stays smooth while a thousand trades a second come. */
const CHANGED_MS = 50
const PANE_SHARES = { price: 1, volume: 0.2, errors: 0.18, rsi: 0.25, macd: 0.3 } as const
type Pane = keyof typeof PANE_SHARES

type AnySeries = ISeriesApi<SeriesType>

/** The chart: lightweight-charts with what this page adds. */
export class MarketChart {
  readonly #chart: IChartApi
  readonly #listeners: ChartListeners
  readonly #overlays = new Overlays()
  #layout: Layout
  #content: ChartContent | undefined
  #main: AnySeries
  #lastPrice: IPriceLine | undefined
  #volume: AnySeries | undefined
  #errors: readonly [AnySeries, AnySeries] | undefined
  #lineSeries: AnySeries[] = []
  #lines: ChartLine[] = []
  /** What the series of lines were made for; another list needs other series. */
  #linesKey = ''
  #slots: Slot[] = []
  /** By slot: the place of its bar in the series. */
  #barAt: (number | undefined)[] = []
  #changed = new Set<string>()
  #isStale = true
  /** Whether any forecast on show has an outcome: until then a pane of errors would stand empty. */
  #hasErrors = false
  #isFirst = true
  #pinnedTime: number | undefined
  /** The bar under the crosshair, of the mouse or of the keys. */
  #pointedTime: number | undefined
  #isByKey = false
  /** Seconds east of UTC now: the axis puts days and hours where they begin for the viewer. */
  readonly #zoneMs = -new Date().getTimezoneOffset() * 60_000
  readonly #draw = oncePerFrame(() => this.#drawNow())
  readonly #drawChanged = oncePerFrame(() => this.#drawNow(), CHANGED_MS)
  readonly #tellChanged = oncePerFrame(() => this.#tellPointed(), LINES_MS)
  readonly #drawLines = oncePerFrame(() => this.#drawLinesNow(), LINES_MS)

  constructor(container: HTMLElement, layout: Layout, listeners: ChartListeners) {
    this.#layout = layout
    this.#listeners = listeners
    this.#chart = createChart(container, {
      autoSize: true,
      layout: {
        attributionLogo: false,
        fontFamily: getComputedStyle(container).fontFamily,
        fontSize: 12
      },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (time: Time) => momentText(this.#msOf(time), this.#windowMs) },
      timeScale: {
        rightOffset: RIGHT_OFFSET,
        // #keepView does it, because slots of forecasts count too.
        shiftVisibleRangeOnNewBar: false,
        timeVisible: true,
        secondsVisible: true,
        minBarSpacing: 0.5,
        tickMarkFormatter: (time: Time, kind: TickMarkType) =>
          axisText(this.#msOf(time), this.#windowMs, kind <= TickMarkType.DayOfMonth)
      }
    })
    this.#main = this.#addSeries()
    this.recolour()
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < NEAR_EDGE && this.#slots.length > 0) listeners.needOlder()
    })
    this.#chart.subscribeCrosshairMove(({ logical, point, sourceEvent }) => {
      // The chart also tells of a crosshair that new data has moved or taken away.
      if (sourceEvent === undefined && this.#isByKey) return
      this.#isByKey = false
      this.#pointedTime = point === undefined ? undefined : this.#slots[logical ?? -1]?.time
      this.#tellPointed()
    })
    this.#chart.subscribeClick(({ logical }) => {
      const slot = this.#slots[logical ?? -1]
      this.#pinnedTime = this.#pinnedTime === undefined ? slot?.bar?.time : undefined
      this.#tellPointed()
    })
  }

  /** Shows another market, or other parts of it. */
  open(layout: Layout): void {
    this.#layout = layout
    this.#content = undefined
    this.#forgetPointed()
    this.#isFirst = true
    this.#hasErrors = false
    this.#slots = []
    this.#rebuild()
  }

  /** Takes another type, other parts or indicators; the market stays. */
  arrange(layout: Layout): void {
    this.#layout = layout
    const range = this.#chart.timeScale().getVisibleLogicalRange()
    this.#rebuild()
    if (this.#content !== undefined) {
      this.#drawNow()
      if (range !== null) this.#chart.timeScale().setVisibleLogicalRange(range)
    }
  }

  /** Draws everything again in the next frame: bars were added, or what is drawn with them changed. */
  show(content: ChartContent): void {
    this.#content = content
    this.#isStale = true
    this.#draw()
  }

  /** Draws bars again that changed, in the next frame. */
  touch(content: ChartContent, ids: readonly string[]): void {
    this.#content = content
    for (const id of ids) this.#changed.add(id)
    this.#drawChanged()
  }

  recolour(): void {
    const line = colourOf('--line')
    this.#chart.applyOptions({
      layout: {
        background: { color: colourOf('--card') },
        textColor: colourOf('--muted'),
        panes: { separatorColor: line, separatorHoverColor: colourOf('--accent', 0.2) }
      },
      grid: { vertLines: { color: colourOf('--grid') }, horzLines: { color: colourOf('--grid') } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
      crosshair: {
        vertLine: { color: colourOf('--muted'), labelBackgroundColor: colourOf('--tag') },
        horzLine: { color: colourOf('--muted'), labelBackgroundColor: colourOf('--tag') }
      }
    })
    this.#overlays.recolour()
    this.#rebuild()
    if (this.#content !== undefined) this.show(this.#content)
  }

  /** Moves the view by a share of its width, or zooms it by a factor around its right edge. */
  move(share: number): void {
    const scale = this.#chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    if (range === null) return
    const by = (range.to - range.from) * share
    scale.setVisibleLogicalRange({ from: range.from + by, to: range.to + by })
  }

  zoom(factor: number): void {
    const scale = this.#chart.timeScale()
    const range = scale.getVisibleLogicalRange()
    if (range === null) return
    scale.setVisibleLogicalRange({
      from: range.to - (range.to - range.from) * factor,
      to: range.to
    })
  }

  /** Goes back to the newest bar with the usual width. */
  reset(): void {
    const to = this.#slots.length + RIGHT_OFFSET
    this.#chart.priceScale('right').applyOptions({ autoScale: true })
    const width = this.#chart.timeScale().width()
    const count =
      width === 0
        ? FIRST_BARS
        : Math.min(FIRST_BARS, width / BAR_WIDTH, Math.max(LEAST_BARS, this.#slots.length))
    this.#chart.timeScale().setVisibleLogicalRange({ from: to - count, to })
  }

  /** Points at the bar before (-1) or after (1) the one pointed at, beginning with the newest. */
  step(by: 1 | -1): void {
    const newest = this.#slots.findLastIndex(({ bar }) => bar !== undefined)
    const pointed = this.#placeOf(this.#pointedTime)
    let at = pointed < 0 ? newest + (by < 0 ? 0 : 1) : pointed + by
    while (this.#slots[at] !== undefined && typeof this.#slots[at]?.bar?.close !== 'number')
      at += by
    if (typeof this.#slots[at]?.bar?.close !== 'number') return
    this.#isByKey = true
    this.#pointedTime = this.#slots[at]?.time
    this.#showCrosshair()
    this.#tellPointed()
  }

  /** The crosshair of the keys; that of the mouse is the chart's. */
  #showCrosshair(): void {
    const { time, bar } = this.#slots[this.#placeOf(this.#pointedTime)] ?? {}
    if (!this.#isByKey || time === undefined || typeof bar?.close !== 'number') return
    this.#chart.setCrosshairPosition(bar.close, this.#timeOf(time), this.#main)
  }

  #placeOf(time: number | undefined): number {
    return time === undefined ? -1 : this.#slots.findLastIndex((slot) => slot.time === time)
  }

  unpoint(): void {
    this.#forgetPointed()
    this.#chart.clearCrosshairPosition()
    this.#tellPointed()
  }

  #forgetPointed(): void {
    this.#pinnedTime = undefined
    this.#pointedTime = undefined
    this.#isByKey = false
  }

  get #windowMs(): number {
    return this.#content?.series.windowMs ?? 60_000
  }

  #timeOf(ms: number): UTCTimestamp {
    return ((ms + this.#zoneMs) / 1000) as UTCTimestamp
  }

  #msOf(time: Time): number {
    return Number(time) * 1000 - this.#zoneMs
  }

  #has(part: ChartPart): boolean {
    return this.#layout.parts.includes(part)
  }

  /** Makes the series of the layout again, without data. */
  #rebuild(): void {
    for (const one of [this.#main, this.#volume, ...(this.#errors ?? []), ...this.#lineSeries]) {
      if (one !== undefined) this.#chart.removeSeries(one)
    }
    this.#lineSeries = []
    this.#linesKey = ''
    this.#main = this.#addSeries()
    const panes = this.#panes()
    const own = (pane: Pane): number => panes.indexOf(pane)
    this.#volume = panes.includes('volume')
      ? this.#chart.addSeries(
          HistogramSeries,
          { ...QUIET, priceFormat: { type: 'volume' } },
          own('volume')
        )
      : undefined
    const errors = { type: 'custom', minMove: 1e-8, formatter: errorText } as const
    this.#errors = panes.includes('errors')
      ? [
          this.#chart.addSeries(
            HistogramSeries,
            { ...QUIET, color: colourOf('--forecast', 0.5), priceFormat: errors },
            own('errors')
          ),
          this.#chart.addSeries(
            LineSeries,
            {
              ...QUIET,
              color: colourOf('--muted'),
              lineWidth: 1,
              lineType: LineType.WithSteps,
              priceFormat: errors
            },
            own('errors')
          )
        ]
      : undefined
    this.#isStale = true
  }

  /** The panes of the layout from top to bottom. */
  #panes(): Pane[] {
    const names = this.#layout.indicators.map((one) => one.split(':')[0])
    return (['price', 'volume', 'errors', 'rsi', 'macd'] as const).filter((pane) => {
      if (pane === 'price') return true
      if (pane === 'errors') return this.#has('errors') && this.#hasErrors
      return pane === 'volume' ? this.#has('volume') : names.includes(pane)
    })
  }

  #addSeries(): AnySeries {
    const [up, down] = [colourOf('--up'), colourOf('--down')]
    const options = QUIET
    const { type } = this.#layout
    const series: AnySeries =
      type === 'candles'
        ? this.#chart.addSeries(CandlestickSeries, {
            ...options,
            upColor: up,
            downColor: down,
            borderUpColor: up,
            borderDownColor: down,
            wickUpColor: up,
            wickDownColor: down
          })
        : type === 'bars'
          ? this.#chart.addSeries(OhlcSeries, {
              ...options,
              upColor: up,
              downColor: down,
              thinBars: false
            })
          : this.#chart.addSeries(LineSeries, {
              ...options,
              color: colourOf('--accent'),
              lineWidth: 2
            })
    series.attachPrimitive(this.#overlays)
    this.#lastPrice = series.createPriceLine({
      price: NaN,
      lineStyle: LineStyle.Dotted,
      lineWidth: 1,
      axisLabelVisible: true,
      title: ''
    })
    return series
  }

  #drawNow(): void {
    const content = this.#content
    if (content === undefined) return
    const { series, outages, decimals } = content
    if (!this.#isStale) {
      for (const id of this.#changed) this.#redrawBar(id)
      this.#changed.clear()
      this.#drawLastPrice()
      this.#drawLines()
      this.#tellChanged()
      return
    }
    const before = this.#slots
    const view = this.#chart.timeScale().getVisibleLogicalRange()
    const hasErrors = series.forecasts.some(isScored)
    if (hasErrors !== this.#hasErrors) {
      this.#hasErrors = hasErrors
      this.#rebuild()
    }
    this.#isStale = false
    this.#changed.clear()
    this.#slots = series.slots(outages, this.#has('forecasts'))
    const places = new Map(series.bars.map((bar, at) => [bar.id, at]))
    this.#barAt = this.#slots.map(({ bar }) => (bar === undefined ? undefined : places.get(bar.id)))
    this.#main.applyOptions({
      priceFormat: {
        type: 'custom',
        minMove: 10 ** -decimals,
        formatter: (price: number) => priceText(price, decimals)
      }
    })
    this.#chart.timeScale().applyOptions({ secondsVisible: this.#windowMs < 60_000 })
    this.#main.setData(this.#slots.map((slot) => this.#pointOf(slot)))
    this.#volume?.setData(this.#slots.map((slot) => this.#volumeOf(slot)))
    this.#drawLastPrice()
    this.#drawLinesNow()
    this.#drawErrors()
    this.#drawOverlays()
    if (this.#isFirst && this.#slots.length > 0) {
      this.#isFirst = false
      this.reset()
    } else if (view !== null) this.#keepView(view, before)
    this.#showCrosshair()
    this.#tellPointed()
  }

  /** Older bars came at the left, or newer ones at the right: the same bars stay in view, or the newest ones. */
  #keepView({ from, to }: LogicalRange, before: readonly Slot[]): void {
    const [first] = before
    if (first === undefined) return
    const prepended = Math.max(
      0,
      this.#slots.findIndex(({ time }) => time === first.time)
    )
    const isFollowing = to >= before.length - 1
    const shift = prepended + (isFollowing ? this.#slots.length - prepended - before.length : 0)
    const scale = this.#chart.timeScale()
    const now = scale.getVisibleLogicalRange()
    if (now !== null && Math.abs(now.from - from - shift) < 0.01) return
    scale.setVisibleLogicalRange({ from: from + shift, to: to + shift })
  }

  #drawLastPrice(): void {
    const last = this.#content?.series.bars.findLast(({ close }) => close !== null)
    if (typeof last?.close !== 'number') return
    const isUp = last.close >= (last.open ?? last.close)
    this.#lastPrice?.applyOptions({
      price: last.close,
      color: colourOf(isUp ? '--up-text' : '--down-text')
    })
  }

  #redrawBar(id: string): void {
    const at = this.#slots.findLastIndex(({ bar }) => bar?.id === id)
    const slot = this.#slots[at]
    const bar = this.#content?.series.bars[this.#barAt[at] ?? -1]
    if (slot === undefined || bar === undefined) return
    const moved = { ...slot, bar }
    this.#slots[at] = moved
    this.#main.update(this.#pointOf(moved), true)
    this.#volume?.update(this.#volumeOf(moved), true)
  }

  #pointOf({ time, bar }: Slot): { time: UTCTimestamp } {
    const at = { time: this.#timeOf(time) }
    if (bar === undefined || bar.close === null) return at
    const { open, high, low, close, status } = bar
    if (this.#layout.type === 'line') return Object.assign(at, { value: close })
    const isUp = close >= (open ?? close)
    const name = isUp ? '--up' : '--down'
    const hollow =
      status === 'provisional'
        ? this.#layout.type === 'candles'
          ? { color: colourOf('--card'), borderColor: colourOf(name), wickColor: colourOf(name) }
          : { color: colourOf(name, 0.5) }
        : {}
    return Object.assign(at, { open, high, low, close }, hollow)
  }

  #volumeOf({ time, bar }: Slot): { time: UTCTimestamp } {
    const at = { time: this.#timeOf(time) }
    if (bar === undefined) return at
    const isUp = (bar.close ?? 0) >= (bar.open ?? 0)
    const opacity = bar.status === 'provisional' ? 0.3 : 0.55
    return Object.assign(at, {
      value: bar.volume,
      color: colourOf(isUp ? '--up' : '--down', opacity)
    })
  }

  #drawLinesNow(): void {
    if (this.#content === undefined) return
    const { series, seed } = this.#content
    const { bars, isComplete } = series
    this.#lines = [
      ...(this.#has('sessionVwap') && hasSessionVwap(series.timeframe)
        ? [priceLine('VWAP', '--vwap', 'line', sessionVwap(bars, { isComplete, seed }))]
        : []),
      ...(this.#has('barVwap')
        ? [
            priceLine(
              'VWAP of the bar',
              '--vwap',
              'dots',
              bars.map(({ vwap }) => vwap)
            )
          ]
        : []),
      ...indicatorLines(bars, this.#layout.indicators)
    ]
    const key = this.#lines.map(({ label, pane, style }) => `${label}|${pane}|${style}`).join()
    const isSame = key === this.#linesKey && this.#lineSeries.length === this.#lines.length
    if (!isSame) {
      for (const one of this.#lineSeries) this.#chart.removeSeries(one)
      const panes = this.#panes()
      this.#lineSeries = this.#lines.map((line) => this.#addLine(line, panes.indexOf(line.pane)))
      this.#linesKey = key
      panes.forEach((pane, at) => this.#chart.panes()[at]?.setStretchFactor(PANE_SHARES[pane]))
    }
    this.#lines.forEach(({ values, style }, which) => {
      const points = this.#slots.flatMap(({ time }, at) => {
        const value = values[this.#barAt[at] ?? -1]
        if (typeof value !== 'number') return []
        const colour =
          style === 'histogram' ? { color: colourOf(value < 0 ? '--down' : '--up', 0.5) } : {}
        return [{ time: this.#timeOf(time), value, ...colour }]
      })
      this.#lineSeries[which]?.setData(points)
    })
  }

  #addLine({ style, colour, pane }: ChartLine, index: number): AnySeries {
    const color = colourOf(colour)
    const plain = { ...QUIET, color, crosshairMarkerVisible: false } as const
    if (style === 'histogram') return this.#chart.addSeries(HistogramSeries, plain, index)
    const series = this.#chart.addSeries(
      LineSeries,
      {
        ...plain,
        lineWidth: style === 'line' ? 2 : 1,
        lineStyle: style === 'dots' ? LineStyle.Dotted : LineStyle.Solid,
        // A VWAP far from the price would flatten the bars.
        ...(colour === '--vwap' && { autoscaleInfoProvider: () => null }),
        ...(pane === 'rsi' && {
          autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } })
        })
      },
      index
    )
    if (pane === 'rsi') {
      for (const price of [30, 70]) {
        series.createPriceLine({
          price,
          color: colourOf('--line'),
          lineStyle: LineStyle.Dashed,
          axisLabelVisible: false
        })
      }
    }
    return series
  }

  #drawErrors(): void {
    if (this.#errors === undefined || this.#content === undefined) return
    const known = new Set(this.#slots.map(({ time }) => time))
    const scored = this.#content.series.forecasts.filter(
      (forecast) => isScored(forecast) && known.has(forecast.time)
    )
    const [own, naive] = this.#errors
    own.setData(scored.map(({ time, error }) => ({ time: this.#timeOf(time), value: error ?? 0 })))
    naive.setData(
      scored.map(({ time, naiveError }, at) => {
        const isLast = scored[at + 1]?.time !== time + this.#windowMs
        const point = { time: this.#timeOf(time), value: naiveError ?? 0 }
        return isLast ? { ...point, color: 'transparent' } : point
      })
    )
  }

  #drawOverlays(): void {
    if (this.#content === undefined) return
    const { series, outages, isDoubtful } = this.#content
    this.#overlays.show({
      slots: this.#slots,
      windowMs: series.windowMs,
      outages: this.#has('gaps') ? outages : [],
      forecasts: this.#has('forecasts') ? series.forecasts : [],
      isDoubtful,
      shadesSessions: this.#has('sessions')
    })
  }

  #tellPointed(): void {
    const newest = this.#slots.findLastIndex(({ bar }) => bar !== undefined)
    const pinned = this.#placeOf(this.#pinnedTime)
    const pointed = this.#placeOf(this.#pointedTime)
    const at = pinned >= 0 ? pinned : pointed >= 0 ? pointed : newest
    const slot = this.#slots[at]
    const decimals = this.#content?.decimals ?? 2
    const values = this.#lines.map(({ label, colour, values: all, pane }) => {
      const value = all[this.#barAt[at] ?? -1]
      const text =
        typeof value !== 'number'
          ? '–'
          : pane === 'price'
            ? priceText(value, decimals)
            : errorText(value)
      return { label, colour, text }
    })
    this.#listeners.point(slot?.bar, values, pinned >= 0)
  }
}

function isScored({ status }: ChartForecast): boolean {
  return status === 'scored'
}

const QUIET = { lastValueVisible: false, priceLineVisible: false } as const

function priceLine(
  label: string,
  colour: string,
  style: ChartLine['style'],
  values: ChartLine['values']
): ChartLine {
  return { label, colour, style, values, pane: 'price' }
}

/** A bar's numbers for people; used by the line above the chart. */
export function barFacts(
  bar: ChartBar,
  decimals: number
): readonly (readonly [label: string, text: string])[] {
  if (bar.close === null)
    return [
      ['', 'no trade that sets a price'],
      ['V', compactText(bar.volume)]
    ]
  return [
    ['O', priceText(bar.open, decimals)],
    ['H', priceText(bar.high, decimals)],
    ['L', priceText(bar.low, decimals)],
    ['C', priceText(bar.close, decimals)],
    ['V', compactText(bar.volume)],
    ['trades', String(bar.tradeCount)]
  ]
}

/** How often, why, and by how much a bar was revised; empty for a bar without revisions. */
export function revisionText({ revision, revisionCause, lateCount, lateVolume }: ChartBar): string {
  if (revision === 0) return ''
  const volume = lateVolume === undefined ? '' : ` with volume ${compactText(lateVolume)}`
  const late = lateCount > 0 ? `, ${lateCount} late${volume}` : ''
  return ` ${revision} (${revisionCause ?? 'cause unknown'}${late})`
}

/** The coverage of a bar's window; empty when it is complete. */
export function coverageText({ coverage }: ChartBar): string {
  if (coverage === null) return 'coverage unknown'
  return coverage === 1 ? '' : `coverage ${Math.min(99.9, coverage * 100).toFixed(1)} %`
}
