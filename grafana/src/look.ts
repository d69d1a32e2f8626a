import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  type VizTooltipOptions
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorModeId,
  MappingType,
  type DynamicConfigValue,
  type GridPos,
  type ValueMapping
} from '@grafana/grafana-foundation-sdk/dashboard'

/** US dollars in full digits; Grafana's own currency unit would shorten 91 234 to 91.2K. */
export const DOLLARS = 'prefix:$'

export const COLORS = {
  up: 'green',
  down: 'red',
  vwap: 'yellow',
  forecast: 'blue',
  band: 'light-blue',
  error: 'orange',
  naive: 'purple',
  unchanged: 'gray',
  volatility: 'purple',
  coverage: 'green',
  late: 'orange'
} as const

export function at(x: number, y: number, w: number, h: number): GridPos {
  return { x, y, w, h }
}

export function titled(title: string): DynamicConfigValue {
  return { id: 'displayName', value: title }
}

export function colored(color: string): DynamicConfigValue {
  return { id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor: color } }
}

/** A line, whatever the style of its panel. */
export function asLine({ dashed = false, width = 2, fillOpacity = 0 } = {}): DynamicConfigValue[] {
  return [
    { id: 'custom.drawStyle', value: 'line' },
    { id: 'custom.lineWidth', value: width },
    { id: 'custom.fillOpacity', value: fillOpacity },
    ...(dashed ? [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }] : [])
  ]
}

/** The adaptive 95 % band: two thin lines and the area between them. */
export const BAND = {
  lower: [titled('95 % from'), colored(COLORS.band), ...asLine({ width: 1 })],
  upper: [
    titled('95 % to'),
    colored(COLORS.band),
    ...asLine({ width: 1, fillOpacity: 10 }),
    { id: 'custom.fillBelowTo', value: 'bandLower' }
  ]
}

export function inDollars(decimals: number): DynamicConfigValue[] {
  return [
    { id: 'unit', value: DOLLARS },
    { id: 'decimals', value: decimals }
  ]
}

/** Where the trades come from, so that nobody mistakes a simulated market for the real one. */
export const FEED_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: { simulated: { text: 'simulated', color: 'orange', index: 0 } }
  },
  {
    type: MappingType.RegexToText,
    options: { pattern: '/^(?!simulated$).+$/', result: { text: 'live', color: 'green', index: 1 } }
  }
]

/** The states of a feed. */
export const STATE_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      connected: { color: 'green', index: 0 },
      connecting: { color: 'yellow', index: 1 },
      'waiting for the lease': { color: 'yellow', index: 2 },
      stopped: { color: 'red', index: 3 }
    }
  }
]

/** Whether the producer stopped reporting, so that its last status is stale. */
export const STALE_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      false: { text: 'speaks', color: 'green', index: 0 },
      true: { text: 'silent', color: 'red', index: 1 }
    }
  }
]

/** The text of an empty panel of forecasts. */
export const NO_FORECAST = 'no forecast for this timeframe (FORECASTS), or none yet in this range'

/** The score of a model against "the price stays put": a label, or a verdict that begins with one. */
export const LABEL_MAPPINGS: ValueMapping[] = (
  [
    ['better than naive', 'green'],
    ['worse than naive', 'red'],
    ['not distinguishable', 'yellow'],
    ['too few scores', 'text'],
    ['no forecast', 'text']
  ] as const
).map(([label, color], index) => ({
  type: MappingType.RegexToText,
  options: { pattern: `/^${label}/`, result: { color, index } }
}))

export function legend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
}

/** One tooltip with all series, in the panel's order. */
export function tooltip(): Builder<VizTooltipOptions> {
  return { build: () => ({ mode: TooltipDisplayMode.Multi, sort: SortOrder.None }) }
}
