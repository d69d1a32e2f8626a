import {
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type TimeZone
} from '@grafana/data'
import {
  BigValue,
  TimeSeries,
  VizRepeater,
  type BigValueColorMode,
  BigValueGraphMode,
  type BigValueJustifyMode,
  type BigValueTextMode
} from '@grafana/ui'
import { TableNG } from '@grafana/ui/unstable'
import type { ReactNode } from 'react'
import { BarChart } from './bar-chart.tsx'
import { candleRenderer, volumeAxis, volumeScale } from './candles.ts'
import { shadeAnnotations } from './annotations.ts'
import type { PreparedPanel } from './prepared-panel.ts'

const TIME_ZONE: TimeZone = 'browser'

interface Size {
  readonly width: number
  readonly height: number
}

/** The picture of a panel. @throws for a kind of panel that no dashboard has */
export function drawnPanel(prepared: PreparedPanel, size: Size): ReactNode {
  const { panel, frames, theme } = prepared
  if (panel.type === 'stat') return stat(prepared, size)
  if (frames.length === 0) {
    const text = panel.fieldConfig.defaults.noValue
    return (
      <div
        style={{
          height: size.height,
          display: 'grid',
          placeItems: 'center',
          color: theme.colors.text.secondary
        }}
      >
        {text}
      </div>
    )
  }
  switch (panel.type) {
    case 'timeseries':
    case 'candlestick':
      return series(prepared, size)
    case 'table':
      return table(prepared, size)
    case 'barchart':
      return <BarChart prepared={prepared} width={size.width} height={size.height} />
    default:
      throw new Error(`Panel '${panel.title}' is a ${panel.type}, which cannot be drawn`)
  }
}

function stat(
  { panel, frames, fieldConfig, theme }: PreparedPanel,
  { width, height }: Size
): ReactNode {
  const options = panel.options as {
    reduceOptions: { calcs: string[]; fields?: string; values?: boolean }
    colorMode: BigValueColorMode
    graphMode: BigValueGraphMode
    justifyMode: BigValueJustifyMode
    textMode: BigValueTextMode
  }
  const values = getFieldDisplayValues({
    fieldConfig,
    reduceOptions: options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data: frames,
    sparkline: options.graphMode !== BigValueGraphMode.None,
    timeZone: TIME_ZONE
  })
  return (
    <VizRepeater
      renderCounter={0}
      getValues={() => values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      width={width}
      height={height}
      orientation={'auto' as never}
      renderValue={({ value, width: valueWidth, height: valueHeight, count, alignmentFactors }) => (
        <BigValue
          value={value.display}
          width={valueWidth}
          height={valueHeight}
          {...(value.sparkline === undefined ? {} : { sparkline: value.sparkline })}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          count={count}
          alignmentFactors={alignmentFactors}
          theme={theme}
        />
      )}
    />
  )
}

function series(prepared: PreparedPanel, { width, height }: Size): ReactNode {
  const { panel, frames, timeRange, theme } = prepared
  const isCandles = panel.type === 'candlestick'
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange}
      timeZone={TIME_ZONE}
      width={width}
      height={height}
      legend={panel.options['legend'] as never}
      {...(isCandles
        ? {
            renderers: [candleRenderer(panel, theme)],
            tweakScale: volumeScale(panel),
            tweakAxis: volumeAxis(panel)
          }
        : {})}
    >
      {(builder) => {
        shadeAnnotations(builder, prepared)
        return null
      }}
    </TimeSeries>
  )
}

function table({ panel, frames, fieldConfig }: PreparedPanel, { width, height }: Size): ReactNode {
  const data = frames[0]
  if (data === undefined) return null
  const { sortBy, cellHeight } = panel.options as { sortBy?: never[]; cellHeight?: never }
  return (
    <TableNG
      data={data}
      width={width}
      height={height}
      fieldConfig={fieldConfig}
      noHeader={false}
      showTypeIcons={false}
      {...(sortBy === undefined ? {} : { initialSortBy: sortBy, sortBy })}
      {...(cellHeight === undefined ? {} : { cellHeight })}
      disableSanitizeHtml={false}
      structureRev={1}
      transparent={false}
    />
  )
}
