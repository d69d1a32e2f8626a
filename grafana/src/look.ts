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
  SpecialValueMatch,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DynamicConfigValue,
  type GridPos,
  type MatcherConfig,
  type ValueMapping
} from '@grafana/grafana-foundation-sdk/dashboard'

/** US dollars in full digits; Grafana's own currency unit would shorten 91 234 to 91.2K. */
export const DOLLARS = 'prefix:$'

/** Dollars with a sign: the prefix alone would give $-0.10. From 1000 on it says K. */
export const SIGNED_DOLLARS = 'currency:$'

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

/** Below these prices cents are too coarse: digits after the point. */
const FINE_PRICES = [
  { below: 10, decimals: 4 },
  { below: 0.1, decimals: 6 },
  { below: 0.001, decimals: 8 }
]

/** Gives prices as many digits as they need, by the highest of each field. Comes before overrides of single fields, which win. */
export function finePrices<T extends { withOverride(override: FieldOverride): T }>(panel: T): T {
  return FINE_PRICES.reduce(
    (one, { below, decimals }) =>
      one.withOverride({
        matcher: { id: 'byValue', options: { reducer: 'max', op: 'lt', value: below } },
        properties: [{ id: 'decimals', value: decimals }]
      }),
    panel
  )
}

interface FieldOverride {
  readonly matcher: MatcherConfig
  readonly properties: DynamicConfigValue[]
}

/** No meaning: for prices, which are neither good nor bad. */
export const NEUTRAL = steps([null, 'text'])
/** Red below zero, green above it: a direction. */
export const BY_SIGN = steps([null, COLORS.down], [0, 'text'], [Number.MIN_VALUE, COLORS.up])
/** A share of 1: anything less is worth a look. */
export const WHOLE_OR_NOT = steps([null, 'red'], [0.95, 'orange'], [1, 'text'])

/** Thresholds by steps, each from a value on. Grafana's own would paint every price of 80 and more red. */
function steps(...given: readonly (readonly [number | null, string])[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(given.map(([value, color]) => ({ value, color })))
}

/** A share with its sign, in percent. */
export const SHARE = [
  { id: 'unit', value: 'percentunit' },
  { id: 'decimals', value: 2 }
]

export function wide(width: number): DynamicConfigValue {
  return { id: 'custom.width', value: width }
}

/** The text of a cell in its colour. */
export const COLORED_TEXT = { id: 'custom.cellOptions', value: { type: 'color-text' } }

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

/** What is not known has no direction, but thresholds paint it as the lowest value. */
export function unknownAs(text: string): ValueMapping[] {
  return [
    {
      type: MappingType.SpecialValue,
      options: { match: SpecialValueMatch.Null, result: { text, color: 'text', index: 0 } }
    }
  ]
}

/** The text of an empty panel: it knows no more than that nothing came. */
export const NOTHING = 'nothing stored in this range, or the api does not answer'
export const NO_FORECAST = 'no forecast in this range (FORECASTS), or the api does not answer'

/** The standing of a symbol in its feed. */
export const STANDING_MAPPINGS: ValueMapping[] = (
  [
    ['receiving', 'green'],
    ['(silent|refused|over the limit)', 'orange'],
    ['.', 'text']
  ] as const
).map(([state, color], index) => ({
  type: MappingType.RegexToText,
  options: { pattern: `/^${state}/`, result: { color, index } }
}))

/** A direction, as the api says it. */
export const MOVE_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: { '▲': { color: COLORS.up, index: 0 }, '▼': { color: COLORS.down, index: 1 } }
  }
]

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
