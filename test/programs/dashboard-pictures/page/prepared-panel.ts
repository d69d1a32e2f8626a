import {
  applyFieldOverrides,
  dateTime,
  displayNameOverrideProcessor,
  FieldColorModeId,
  identityOverrideProcessor,
  Registry,
  toDataFrame,
  unitOverrideProcessor,
  type DataFrame,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
  type TimeRange
} from '@grafana/data'
import type { AnnotationModel, FrameModel, PanelModel, Picture } from './picture.ts'

/** A panel with its fields as Grafana gives them to the panel's plugin. */
export interface PreparedPanel {
  readonly panel: PanelModel
  readonly frames: DataFrame[]
  readonly fieldConfig: FieldConfigSource
  readonly timeRange: TimeRange
  readonly theme: GrafanaTheme2
  readonly annotations: readonly AnnotationModel[]
}

/** What a time series is drawn with where the dashboard says nothing: the defaults of Grafana's panel. */
const SERIES_DEFAULTS = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  barAlignment: 0,
  barWidthFactor: 0.6,
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  scaleDistribution: { type: 'linear' },
  axisCenteredZero: false,
  stacking: { mode: 'none', group: 'A' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: { tooltip: false, viz: false, legend: false }
}
const TABLE_DEFAULTS = {
  align: 'auto',
  cellOptions: { type: 'auto' },
  inspect: false,
  filterable: false
}

/** Transforms a panel's frames, and gives each field what the dashboard configures for it. */
export function preparedPanel(
  panel: PanelModel,
  picture: Picture,
  theme: GrafanaTheme2
): PreparedPanel {
  const [from, to] = [dateTime(picture.range.fromMs), dateTime(picture.range.toMs)]
  const fieldConfig = completed(panel)
  const data = (picture.frames[panel.id] ?? [])
    .filter(({ fields }) => fields.length > 0)
    .map((frame) => organized(frame, panel))
  return {
    panel,
    fieldConfig,
    theme,
    timeRange: { from, to, raw: { from, to } },
    annotations: picture.annotations,
    frames: withoutCandlesInLegend(
      panel,
      applyFieldOverrides({
        data,
        fieldConfig,
        theme,
        timeZone: 'browser',
        replaceVariables: (text) => text,
        fieldConfigRegistry: propertiesOf(fieldConfig)
      })
    )
  }
}

/** A candle's own fields are drawn as one, and named in no legend. */
function withoutCandlesInLegend({ type, options }: PanelModel, frames: DataFrame[]): DataFrame[] {
  if (type !== 'candlestick') return frames
  const own = Object.values(options['fields'] as Record<string, string>)
  for (const { name, config } of frames.flatMap(({ fields }) => fields)) {
    if (own.includes(name))
      config.custom = { ...config.custom, hideFrom: { ...SERIES_DEFAULTS.hideFrom, legend: true } }
  }
  return frames
}

function completed({ type, fieldConfig }: PanelModel): FieldConfigSource {
  const { custom, ...defaults } = fieldConfig.defaults
  const usual = type === 'table' ? TABLE_DEFAULTS : SERIES_DEFAULTS
  const color = {
    mode:
      type === 'timeseries' || type === 'candlestick' || type === 'barchart'
        ? FieldColorModeId.PaletteClassic
        : FieldColorModeId.Thresholds
  }
  return {
    defaults: { color, ...defaults, custom: { ...usual, ...custom } },
    overrides: fieldConfig.overrides as unknown as FieldConfigSource['overrides']
  }
}

/** Order and names of columns: the one transformation that the dashboards use. */
function organized(frame: FrameModel, { transformations = [] }: PanelModel): DataFrame {
  const data = toDataFrame(structuredClone(frame))
  const other = transformations.find(({ id }) => id !== 'organize')
  if (other !== undefined) throw new Error(`Transformation '${other.id}', expected organize`)
  const options = transformations[0]?.options as
    | {
        excludeByName: Record<string, boolean>
        indexByName: Record<string, number>
        renameByName: Record<string, string>
      }
    | undefined
  if (options === undefined) return data
  const place = (name: string): number => options.indexByName[name] ?? Number.MAX_SAFE_INTEGER
  return {
    ...data,
    fields: data.fields
      .filter(({ name }) => options.excludeByName[name] !== true)
      .toSorted((left, right) => place(left.name) - place(right.name))
      .map((field) => {
        const displayName = options.renameByName[field.name]
        return displayName === undefined
          ? field
          : { ...field, name: displayName, config: { ...field.config, displayName } }
      })
  }
}

/** A property for each that the dashboard sets; Grafana's own list of them is not published. */
function propertiesOf({
  defaults,
  overrides
}: FieldConfigSource): Registry<FieldConfigPropertyItem> {
  const ids = new Set([
    ...Object.keys(defaults).filter((id) => id !== 'custom'),
    ...Object.keys(defaults.custom as object).map((id) => `custom.${id}`),
    ...overrides.flatMap(({ properties }) => properties.map(({ id }) => id))
  ])
  return new Registry<FieldConfigPropertyItem>(() =>
    [...ids].map((id) => {
      const isCustom = id.startsWith('custom.')
      return {
        id,
        path: isCustom ? id.slice('custom.'.length) : id,
        name: id,
        isCustom,
        process:
          id === 'unit'
            ? unitOverrideProcessor
            : id === 'displayName'
              ? displayNameOverrideProcessor
              : identityOverrideProcessor,
        shouldApply: () => true,
        override: () => null,
        editor: () => null
      }
    })
  )
}
