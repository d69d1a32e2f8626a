import {
  anchoredVwap,
  anchorOf,
  closesOf,
  INDICATORS,
  linesOf,
  readIndicator,
  vwapPartOf,
  type IndicatorLine,
  type VwapPart
} from '@tapedeck/domain/indicators'
import { windowMsOf, type ChartBar } from './series.ts'

/** Sums of a session before the first bar that is loaded, so that its VWAP begins at its open. */
export interface VwapSeed extends VwapPart {
  /** Up to which moment they reach, epoch ms. */
  readonly untilMs: number
}

/** A line of the chart, with a value for each bar. */
export interface ChartLine {
  /** Names the line in the legend: `SMA 20`. */
  readonly label: string
  /** `price`: over the bars; otherwise the pane of its own that it shares with lines of the same name. */
  readonly pane: 'price' | 'rsi' | 'macd'
  readonly style: 'line' | 'thin' | 'dots' | 'histogram'
  /** The name of its colour in page.css. */
  readonly colour: string
  readonly values: IndicatorLine
}

const DAY_MS = 86_400_000
/** Colours of lines over the bars, in the order of the indicators. */
const COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4'] as const

/**
 * The VWAP of each bar's session from its open. Null where the open is not known: in the first session that is loaded, unless
 * it is loaded from its beginning or `seed` has the sums of what came before.
 */
export function sessionVwap(
  bars: readonly ChartBar[],
  { isComplete, seed }: { readonly isComplete: boolean; readonly seed: VwapSeed | undefined }
): IndicatorLine {
  const first = bars[0]
  if (first === undefined) return []
  const anchor = anchorOf(first)
  const isKnown = (bar: ChartBar): boolean =>
    isComplete || anchorOf(bar) !== anchor || (seed?.anchor === anchor && bar.time >= seed.untilMs)
  const start = bars.findIndex(isKnown)
  if (start < 0) return bars.map(() => null)
  const known = bars.slice(start).map(vwapPartOf)
  if (isComplete || seed === undefined)
    return [...bars.slice(0, start).map(() => null), ...anchoredVwap(known)]
  return [...bars.slice(0, start).map(() => null), ...anchoredVwap([seed, ...known]).slice(1)]
}

/** Whether a session VWAP can be made of these bars: not of overlapping windows, nor of whole days. */
export function hasSessionVwap(timeframe: string): boolean {
  return !timeframe.includes('/') && windowMsOf(timeframe) < DAY_MS
}

/** The lines of the chosen indicators over the closes; a bar without a price keeps the close before it. */
export function indicatorLines(
  bars: readonly ChartBar[],
  indicators: readonly string[]
): ChartLine[] {
  const closes = closesOf(bars)
  return indicators.flatMap((text, at) =>
    chartLines(closes, text, COLOURS[at % COLOURS.length] ?? '--line-1')
  )
}

/** How the lines of an indicator look, by their names. */
const LOOKS: Readonly<Record<string, Partial<ChartLine>>> = {
  upper: { style: 'thin' },
  middle: { style: 'dots' },
  lower: { style: 'thin' },
  macd: { colour: '--line-1' },
  signal: { colour: '--line-3' },
  histogram: { style: 'histogram', colour: '--muted' }
}

function chartLines(closes: readonly number[], text: string, colour: string): ChartLine[] {
  const indicator = readIndicator(text)
  if (indicator === undefined) return []
  const { name, values } = indicator
  const pane = name === 'rsi' || name === 'macd' ? name : 'price'
  const title = `${name === 'bollinger' ? 'BB' : INDICATORS[name].label} ${values.join(' ')}`
  const lines = Object.entries(linesOf(closes, indicator))
  // What is drawn first lies below.
  const ordered = lines.toSorted(([left], [right]) => rankOf(left) - rankOf(right))
  return ordered.map(([line, own], at) => ({
    label: at > 0 ? line : line === 'value' || line === name ? title : `${title} ${line}`,
    pane,
    style: 'line',
    colour,
    ...LOOKS[line],
    values: own
  }))
}

function rankOf(line: string): number {
  return line === 'histogram' ? 0 : 1
}
