import { FORECAST_MODELS } from '@tapedeck/domain'
import { mark, Panel, PANEL_HEIGHT, PANEL_WIDTH, type PanelFrame } from './panel.ts'
import type { ScoreRow } from './score-rows.ts'
import { drawing, element, label, line } from './svg.ts'
import type { HalfHour } from './time-of-day.ts'

/** More panels would not be read; those with the most scores are shown. */
const MAX_PANELS = 6
const HEAD = 62
/** With more kinds of forecasts a panel is as wide as the sheet. */
const MAX_NARROW = 6
/** More names do not fit below a wide panel, also on two lines. */
const MAX_NAMES = 26
const MODELS = FORECAST_MODELS.map(({ name }) => name)
/** Within this share of all targets a 95 % band does what it says. */
const GOAL = [0.92, 0.97] as const
const NOMINAL = 0.95
/** A half hour with fewer scores says little about its coverage. */
const MIN_SCORES = 50

/** Skill against naive for each kind of forecast, with its range, a panel a symbol. */
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
    goal: undefined,
    marks: ({ skill, skillLower, skillUpper }, model, x, panel) =>
      skill === null
        ? []
        : [
            ...(skillLower === null || skillUpper === null
              ? []
              : [line(x, panel.at(skillLower), x, panel.at(skillUpper), `range c${model}`)]),
            mark(model, x, panel.at(skill))
          ]
  })
}

/** Coverage of both bands for each kind of forecast, a panel a symbol. */
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
    goal: GOAL,
    marks: ({ coverageOls, coverageBand }, model, x, panel) => [
      ...(coverageOls === null ? [] : [mark(model, x, panel.at(coverageOls), true)]),
      ...(coverageBand === null ? [] : [mark(model, x, panel.at(coverageBand))])
    ]
  })
}

/** Coverage over the day, all symbols and models together, a panel for each kind of forecast. */
export function timeOfDayPlot(all: readonly HalfHour[]): string {
  const halfHours = all.filter(({ n }) => n >= MIN_SCORES)
  const kinds = [...Map.groupBy(halfHours, kindOf)].slice(0, MAX_PANELS)
  const least = Math.max(
    0,
    Math.min(0.85, ...halfHours.map(({ coverageOls }) => coverageOls)) - 0.03
  )
  const minutes = halfHours.map(({ minute }) => minute)
  const [first, last] = [Math.min(...minutes), Math.max(...minutes)]
  const count = kinds.length === 0 ? 1 : (last - first) / 30 + 1
  const panels = kinds.flatMap(([title, own], index) => {
    const panel = new Panel({ ...placeOf(index), title, least, most: 1, format: asPercent })
    const xOf = ({ minute }: HalfHour): number => panel.column((minute - first) / 30, count)
    const path = (yOf: (one: HalfHour) => number): string =>
      own.map((one) => `${xOf(one).toFixed(1)},${panel.at(yOf(one)).toFixed(1)}`).join(' ')
    return [
      panel.goal(...GOAL),
      ...panel.backdrop(NOMINAL),
      element('polyline', {
        points: path(({ coverageOls }) => coverageOls),
        class: 'path reference c1'
      }),
      element('polyline', { points: path(({ coverageBand }) => coverageBand), class: 'path c0' }),
      ...Array.from({ length: count }, (_, column) => first + 30 * column).flatMap(
        (minute, column) =>
          minute % 120 === 0
            ? [
                label(
                  panel.column(column, count),
                  panel.bottom + 16,
                  clock(minute),
                  'small',
                  'middle'
                )
              ]
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
  return sheet('Coverage of the 95 % bands over the day', Math.ceil(kinds.length / 2), [
    ...legend,
    ...panels
  ])
}

interface BySymbol extends Pick<PanelFrame, 'least' | 'most' | 'format'> {
  readonly title: string
  readonly note: string
  readonly reference: number
  readonly goal: readonly [number, number] | undefined
  marks(row: ScoreRow, model: number, x: number, panel: Panel): string[]
}

function bySymbol(rows: readonly ScoreRow[], plot: BySymbol): string {
  const kinds = [...new Set(rows.map(kindOf))]
  const symbols = [...Map.groupBy(rows, ({ symbol }) => symbol)]
    .sort(([, a], [, b]) => scores(b) - scores(a))
    .slice(0, MAX_PANELS)
  const across = kinds.length > MAX_NARROW ? 1 : 2
  const step = Math.min(16, (2 * PANEL_WIDTH) / across / (kinds.length * 5))
  const every = Math.ceil(kinds.length / MAX_NAMES)
  const panels = symbols.flatMap(([symbol, own], index) => {
    const panel = new Panel({ ...plot, ...placeOf(index, across), title: symbol })
    return [
      ...(plot.goal === undefined ? [] : [panel.goal(...plot.goal)]),
      ...panel.backdrop(plot.reference),
      ...kinds.flatMap((kind, column) => {
        const below = across === 1 && (column / every) % 2 === 1 ? 29 : 16
        const x = panel.column(column, kinds.length)
        return column % every === 0 ? [label(x, panel.bottom + below, kind, 'small', 'middle')] : []
      }),
      ...own.flatMap((row) => {
        const model = Math.max(0, MODELS.indexOf(row.model))
        const middle = panel.column(kinds.indexOf(kindOf(row)), kinds.length)
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

/** Rows of panels under a title. */
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

function kindOf({ timeframe, lookback, horizon }: ScoreRow | HalfHour): string {
  return `${timeframe}:${lookback}:${horizon}`
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
