import { FORECAST_MODELS, specName } from '@tapedeck/domain'
import {
  drawing,
  element,
  label,
  line,
  mark,
  Panel,
  PANEL_HEIGHT,
  PANEL_WIDTH,
  type PanelFrame
} from './panel.ts'
import type { HalfHour, ScoreRow } from './scores.ts'

/** Panels on one sheet; symbols with the most scores come first. */
const MAX_PANELS = 6
const HEAD = 62
/** With more forecasts on the horizontal axis a panel takes the full width. */
const MAX_NARROW = 6
/** Names that fit below a full-width panel, on two lines. */
const MAX_NAMES = 26
const MODELS = FORECAST_MODELS.map(({ name }) => name)
/** A 95 % band whose coverage is in this range counts as reliable. */
const RELIABLE = [0.92, 0.97] as const
const NOMINAL = 0.95
/** Half hours with fewer scores are left out. */
const MIN_SCORES = 50

/** Skill against naive with its range for each forecast, one panel a symbol. */
export function skillPlot(rows: readonly ScoreRow[]): string {
  const values = rows.flatMap(({ skill, skillLower, skillUpper }) =>
    [skill, skillLower, skillUpper].filter((one) => one !== null)
  )
  const least = Math.max(-2, Math.min(-0.1, ...values))
  const most = Math.min(1, Math.max(0.1, ...values))
  const margin = 0.05 * (most - least)
  return bySymbol(rows, {
    title: 'Skill against "the price stays put", with 95 % range',
    note: '0 is as good as naive, above is better; below -2 on the edge',
    least: least - margin,
    most: most + margin,
    format: (value) => value.toFixed(1),
    reference: 0,
    stripe: undefined,
    marks: ({ skill, skillLower, skillUpper }, model, x, panel) =>
      skill === null
        ? []
        : [
            ...(skillLower === null || skillUpper === null
              ? []
              : [line(x, panel.y(skillLower), x, panel.y(skillUpper), `range c${model}`)]),
            mark(model, x, panel.y(skill))
          ]
  })
}

/** Coverage of both bands for each forecast, one panel a symbol. */
export function coveragePlot(rows: readonly ScoreRow[]): string {
  const found = rows.flatMap(({ coverageOls, coverageBand }) => [
    coverageOls ?? 1,
    coverageBand ?? 1
  ])
  return bySymbol(rows, {
    title: 'Coverage of the 95 % bands',
    note: 'filled: adaptive band, open: least squares; the stripe is 92 to 97 %',
    least: Math.max(0, Math.min(0.85, ...found) - 0.03),
    most: 1,
    format: asPercent,
    reference: NOMINAL,
    stripe: RELIABLE,
    marks: ({ coverageOls, coverageBand }, model, x, panel) => [
      ...(coverageOls === null ? [] : [mark(model, x, panel.y(coverageOls), true)]),
      ...(coverageBand === null ? [] : [mark(model, x, panel.y(coverageBand))])
    ]
  })
}

/** Coverage over the day of all symbols and models, one panel a forecast. */
export function timeOfDayPlot(all: readonly HalfHour[]): string {
  const halfHours = all.filter(({ n }) => n >= MIN_SCORES)
  const forecasts = [...Map.groupBy(halfHours, specName)].slice(0, MAX_PANELS)
  const least = Math.max(
    0,
    Math.min(0.85, ...halfHours.map(({ coverageOls }) => coverageOls)) - 0.03
  )
  const minutes = halfHours.map(({ minute }) => minute)
  const [first, last] = [Math.min(...minutes), Math.max(...minutes)]
  const count = forecasts.length === 0 ? 1 : (last - first) / 30 + 1
  const panels = forecasts.flatMap(([title, own], index) => {
    const panel = new Panel({ ...placeOf(index), title, least, most: 1, format: asPercent })
    const xOf = ({ minute }: HalfHour): number => panel.x((minute - first) / 30, count)
    const path = (yOf: (one: HalfHour) => number): string =>
      own.map((one) => `${xOf(one).toFixed(1)},${panel.y(yOf(one)).toFixed(1)}`).join(' ')
    return [
      panel.stripe(...RELIABLE),
      ...panel.backdrop(NOMINAL),
      element('polyline', {
        points: path(({ coverageOls }) => coverageOls),
        class: 'path reference c1'
      }),
      element('polyline', { points: path(({ coverageBand }) => coverageBand), class: 'path c0' }),
      ...Array.from({ length: count }, (_, column) => first + 30 * column).flatMap(
        (minute, column) =>
          minute % 120 === 0
            ? [label(panel.x(column, count), panel.bottom + 16, clock(minute), 'small', 'middle')]
            : []
      )
    ]
  })
  const legend = [
    line(16, 46, 40, 46, 'path c0'),
    label(46, 50, 'adaptive band'),
    line(150, 46, 174, 46, 'path reference c1'),
    label(180, 50, 'least squares'),
    label(290, 50, 'half hours, New York (round-the-clock symbols UTC); the stripe is 92 to 97 %')
  ]
  return sheet('Coverage of the 95 % bands over the day', Math.ceil(forecasts.length / 2), [
    ...legend,
    ...panels
  ])
}

interface BySymbol extends Pick<PanelFrame, 'least' | 'most' | 'format'> {
  readonly title: string
  readonly note: string
  readonly reference: number
  readonly stripe: readonly [number, number] | undefined
  marks(row: ScoreRow, model: number, x: number, panel: Panel): string[]
}

function bySymbol(rows: readonly ScoreRow[], plot: BySymbol): string {
  const forecasts = [...new Set(rows.map(specName))]
  const symbols = [...Map.groupBy(rows, ({ symbol }) => symbol)]
    .sort(([, a], [, b]) => scores(b) - scores(a))
    .slice(0, MAX_PANELS)
  const across = forecasts.length > MAX_NARROW ? 1 : 2
  const step = Math.min(16, (2 * PANEL_WIDTH) / across / (forecasts.length * 5))
  const every = Math.ceil(forecasts.length / MAX_NAMES)
  const panels = symbols.flatMap(([symbol, own], index) => {
    const panel = new Panel({ ...plot, ...placeOf(index, across), title: symbol })
    return [
      ...(plot.stripe === undefined ? [] : [panel.stripe(...plot.stripe)]),
      ...panel.backdrop(plot.reference),
      ...forecasts.flatMap((name, column) => {
        const below = across === 1 && (column / every) % 2 === 1 ? 29 : 16
        const x = panel.x(column, forecasts.length)
        return column % every === 0 ? [label(x, panel.bottom + below, name, 'small', 'middle')] : []
      }),
      ...own.flatMap((row) => {
        const model = Math.max(0, MODELS.indexOf(row.model))
        const middle = panel.x(forecasts.indexOf(specName(row)), forecasts.length)
        return plot.marks(row, model, middle + (model - 1) * step, panel)
      })
    ]
  })
  const legend = MODELS.flatMap((name, model) => [
    mark(model, 20 + model * 140, 46),
    label(30 + model * 140, 50, name)
  ])
  const note = label(30 + MODELS.length * 140, 50, plot.note)
  return sheet(plot.title, Math.ceil(symbols.length / across), [...legend, note, ...panels])
}

/** Panels in rows under a title. */
function sheet(title: string, rows: number, parts: readonly string[]): string {
  const size = { width: 2 * PANEL_WIDTH, height: HEAD + rows * PANEL_HEIGHT }
  return drawing({ ...size, title }, [label(12, 24, title, 'strong title'), ...parts])
}

/** @param across panels side by side */
function placeOf(
  index: number,
  across: 1 | 2 = 2
): Pick<PanelFrame, 'x' | 'y' | 'width' | 'height'> {
  const width = (2 * PANEL_WIDTH) / across
  return {
    x: (index % across) * width,
    y: HEAD + Math.floor(index / across) * PANEL_HEIGHT,
    width,
    height: PANEL_HEIGHT
  }
}

function scores(rows: readonly ScoreRow[]): number {
  return rows.reduce((sum, { n }) => sum + n, 0)
}

function asPercent(value: number): string {
  return `${Math.round(100 * value)} %`
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}
