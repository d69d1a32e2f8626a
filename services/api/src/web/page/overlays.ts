import type {
  AutoscaleInfo,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter
} from 'lightweight-charts'
import { colourOf } from './dom.ts'
import type { Outage } from './rows.ts'
import { placeOf, type ChartForecast, type Slot } from './series.ts'

/** What the overlays of the price pane show. */
export interface OverlayData {
  readonly slots: readonly Slot[]
  readonly windowMs: number
  readonly outages: readonly Outage[]
  readonly forecasts: readonly ChartForecast[]
  /** The model is worse than "the price stays put": drawn grey. */
  readonly isDoubtful: boolean
  readonly shadesSessions: boolean
}

type Target = Parameters<IPrimitivePaneRenderer['draw']>[0]
type Scene = Parameters<Parameters<Target['useMediaCoordinateSpace']>[0]>[0]

const HATCH = 7
const FAR = 1000
const MAIN_SESSIONS = ['regular', 'continuous']

/**
 * Draws what a series cannot: sessions outside regular hours as shaded stretches, outages as hatched ones, past forecasts as
 * short lines, open ones as a line in their band, and a dot above each revised bar.
 */
export class Overlays implements ISeriesPrimitive {
  #data: OverlayData | undefined
  #attached: SeriesAttachedParameter | undefined
  readonly #views: readonly IPrimitivePaneView[]
  #colours: Record<string, string> = {}

  constructor() {
    this.#views = [
      this.#view('bottom', (scene) => this.#drawBelow(scene)),
      this.#view('top', (scene) => this.#drawAbove(scene))
    ]
    this.recolour()
  }

  attached(parameter: SeriesAttachedParameter): void {
    this.#attached = parameter
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views
  }

  show(data: OverlayData): void {
    this.#data = data
    this.#attached?.requestUpdate()
  }

  /** Takes the colours of the theme on show. */
  recolour(): void {
    this.#colours = {
      session: colourOf('--muted', 0.07),
      hatch: colourOf('--muted', 0.55),
      outage: colourOf('--muted', 0.08),
      forecast: colourOf('--forecast'),
      band: colourOf('--forecast', 0.14),
      doubtful: colourOf('--muted'),
      doubtfulBand: colourOf('--muted', 0.14),
      revised: colourOf('--ink')
    }
  }

  /** Widens the price range to the forecasts in view; a wide band may reach beyond it. */
  autoscaleInfo(from: Logical, to: Logical): AutoscaleInfo | null {
    const { slots, forecasts } = this.#data ?? { slots: [], forecasts: [] }
    const fromMs = slots[Math.max(0, Math.floor(from))]?.time ?? Infinity
    const toMs = slots[Math.min(slots.length - 1, Math.ceil(to))]?.time ?? -Infinity
    let [minValue, maxValue] = [Infinity, -Infinity]
    for (const { time, forecast, status } of forecasts) {
      if (time < fromMs || time > toMs || status === 'void') continue
      minValue = Math.min(minValue, forecast)
      maxValue = Math.max(maxValue, forecast)
    }
    return minValue > maxValue ? null : { priceRange: { minValue, maxValue } }
  }

  #view(order: 'bottom' | 'top', draw: (scene: Scene) => void): IPrimitivePaneView {
    const renderer: IPrimitivePaneRenderer = {
      draw: (target) => target.useMediaCoordinateSpace(draw)
    }
    return { zOrder: () => order, renderer: () => renderer }
  }

  /** The left edge of a place on the axis, CSS pixels. */
  #x(place: number): number {
    const scale = this.#attached?.chart.timeScale()
    // The scale knows whole places only; it is linear.
    const first = scale?.logicalToCoordinate(0 as Logical) ?? 0
    const far = scale?.logicalToCoordinate(FAR as Logical) ?? 0
    return first + ((far - first) / FAR) * (place - 0.5)
  }

  #y(price: number): number | null {
    return this.#attached?.series.priceToCoordinate(price) ?? null
  }

  #visible(): readonly [from: number, to: number] {
    const range = this.#attached?.chart.timeScale().getVisibleLogicalRange()
    return [Math.floor(range?.from ?? 0) - 1, Math.ceil(range?.to ?? 0) + 1]
  }

  #drawBelow({ context, mediaSize: { width, height } }: Scene): void {
    const data = this.#data
    if (data === undefined) return
    const { slots, outages, windowMs } = data
    if (data.shadesSessions) {
      context.fillStyle = this.#colours['session'] ?? ''
      for (const [from, to] of stretches(slots, this.#visible())) {
        context.fillRect(this.#x(from), 0, this.#x(to) - this.#x(from), height)
      }
    }
    const first = slots[0]
    if (first === undefined) return
    for (const { time, timeEnd } of outages) {
      if (timeEnd < first.time) continue
      const left = this.#x(placeOf(slots, time, windowMs))
      const right = Math.max(left + 2, this.#x(placeOf(slots, timeEnd, windowMs)))
      if (right < 0 || left > width) continue
      this.#hatch(context, Math.max(-HATCH, left), Math.min(width + HATCH, right), height)
    }
  }

  /** An outage as a hatched stretch, so that "no trade" and "no feed" look different. */
  #hatch(context: CanvasRenderingContext2D, left: number, right: number, height: number): void {
    context.save()
    context.beginPath()
    context.rect(left, 0, right - left, height)
    context.clip()
    context.fillStyle = this.#colours['outage'] ?? ''
    context.fillRect(left, 0, right - left, height)
    context.strokeStyle = this.#colours['hatch'] ?? ''
    context.lineWidth = 1
    context.beginPath()
    const first = Math.floor((left - height) / HATCH) * HATCH
    for (let x = first; x < right; x += HATCH) {
      context.moveTo(x, height)
      context.lineTo(x + height, 0)
    }
    context.stroke()
    context.restore()
  }

  #drawAbove({ context }: Scene): void {
    const data = this.#data
    if (data === undefined) return
    const [from, to] = this.#visible()
    context.fillStyle = this.#colours['revised'] ?? ''
    for (let at = Math.max(0, from); at <= Math.min(data.slots.length - 1, to); at++) {
      const bar = data.slots[at]?.bar
      if (bar?.status !== 'revised' || bar.high === null) continue
      const y = this.#y(bar.high)
      if (y === null) continue
      context.beginPath()
      context.arc(this.#x(at + 0.5), y - 7, 2.5, 0, 2 * Math.PI)
      context.fill()
    }
    for (const forecast of data.forecasts) this.#drawForecast(context, data, forecast, from, to)
  }

  #drawForecast(
    context: CanvasRenderingContext2D,
    { slots, windowMs, isDoubtful }: OverlayData,
    forecast: ChartForecast,
    from: number,
    to: number
  ): void {
    if (forecast.status === 'void') return
    const place = placeOf(slots, forecast.time, windowMs)
    const y = this.#y(forecast.forecast)
    if (place < from || place > to || y === null) return
    const [left, right] = [this.#x(place), this.#x(place + 1)]
    const isOpen = forecast.status === 'open'
    const upper = forecast.bandUpper ?? forecast.upper
    const lower = forecast.bandLower ?? forecast.lower
    context.save()
    context.strokeStyle = (isDoubtful ? this.#colours['doubtful'] : this.#colours['forecast']) ?? ''
    if (isOpen && upper !== undefined && lower !== undefined) {
      const [top, bottom] = [this.#y(upper) ?? y, this.#y(lower) ?? y]
      context.fillStyle = (isDoubtful ? this.#colours['doubtfulBand'] : this.#colours['band']) ?? ''
      context.fillRect(left, top, right - left, bottom - top)
      context.setLineDash([3, 3])
      context.lineWidth = 1
      context.beginPath()
      for (const edge of [top, bottom]) {
        context.moveTo(left, edge)
        context.lineTo(right, edge)
      }
      context.stroke()
      context.setLineDash([])
    }
    if (isDoubtful) context.setLineDash([4, 3])
    context.lineWidth = isOpen ? 2.5 : 1.5
    context.beginPath()
    context.moveTo(left + 1, y)
    context.lineTo(right - 1, y)
    context.stroke()
    context.restore()
  }
}

/** Stretches of places outside regular hours, within a range. Empty slots belong to the bar before them. */
function* stretches(
  slots: readonly Slot[],
  [from, to]: readonly [number, number]
): Generator<readonly [number, number]> {
  let start: number | undefined
  let isOutside = false
  const end = Math.min(slots.length, to + 1)
  for (let at = Math.max(0, from); at < end; at++) {
    const bar = slots[at]?.bar
    if (bar !== undefined) isOutside = !MAIN_SESSIONS.includes(bar.session)
    if (isOutside) start ??= at
    else if (start !== undefined) {
      yield [start, at]
      start = undefined
    }
  }
  if (start !== undefined) yield [start, end]
}
