import {
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  getFieldSeriesColor,
  type Field
} from '@grafana/data'
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend } from '@grafana/ui'
import type { PreparedPanel } from './prepared-panel.ts'

const LABEL_HEIGHT = 14

interface Props {
  readonly prepared: PreparedPanel
  readonly width: number
  readonly height: number
}

/** Bars side by side in each category, with their values above them. */
export function BarChart({ prepared, width, height }: Props) {
  const { panel, frames, theme } = prepared
  const frame = frames[0]
  const options = panel.options as {
    xField: string
    groupWidth: number
    barWidth: number
    showValue: string
    orientation: string
  }
  const isHorizontal = options.orientation === 'horizontal'
  const names = frame?.fields.find(({ name }) => name === options.xField)
  const numbers = frame?.fields.filter(({ type }) => type === FieldType.number) ?? []
  if (frame === undefined || names === undefined) return null
  const colorOf = (field: Field): string => getFieldSeriesColor(field, theme).color
  const text = (field: Field, value: number): string => {
    const shown = field.display?.(value)
    return shown === undefined ? String(value) : formattedValueToString(shown)
  }
  const builder = new UPlotConfigBuilder('browser')
  builder.addScale({
    scaleKey: 'x',
    orientation: isHorizontal ? 1 : 0,
    direction: isHorizontal ? -1 : 1,
    range: () => [-0.5, names.values.length - 0.5]
  })
  builder.addScale({
    scaleKey: 'y',
    orientation: isHorizontal ? 0 : 1,
    direction: 1,
    ...(numbers[0]?.config.min == null ? {} : { min: numbers[0].config.min }),
    ...(numbers[0]?.config.max == null ? {} : { max: numbers[0].config.max }),
    softMin: 0,
    softMax: 0
  })
  builder.addAxis({
    scaleKey: 'x',
    isTime: false,
    placement: (isHorizontal ? 'left' : 'bottom') as never,
    theme,
    grid: { show: false },
    ticks: { show: false },
    splits: names.values.map((_name, index) => index),
    values: names.values.map(String)
  })
  builder.addAxis({
    scaleKey: 'y',
    placement: (isHorizontal ? 'bottom' : 'left') as never,
    theme,
    formatValue: (value) => (numbers[0] === undefined ? '' : text(numbers[0], value))
  })
  for (const field of numbers) {
    builder.addSeries({
      scaleKey: 'y',
      theme,
      pathBuilder: () => null,
      pointsBuilder: () => undefined,
      show: true,
      drawStyle: 'bars' as never,
      lineColor: colorOf(field)
    })
  }
  builder.addHook('draw', (plot) => {
    const { ctx } = plot
    const slot = Math.abs(plot.valToPos(1, 'x', true) - plot.valToPos(0, 'x', true))
    const group = slot * options.groupWidth
    const bar = (group / Math.max(1, numbers.length)) * options.barWidth
    ctx.save()
    ctx.font = `${LABEL_HEIGHT * devicePixelRatio * 0.8}px Inter, sans-serif`
    ctx.textAlign = 'center'
    numbers.forEach((field, series) => {
      names.values.forEach((_name, index) => {
        const value = field.values[index] as number | null
        if (value === null) return
        const side =
          plot.valToPos(index, 'x', true) -
          group / 2 +
          (group / numbers.length) * (series + 0.5) -
          bar / 2
        const [top, base] = [
          plot.valToPos(value, 'y', true),
          plot.valToPos(Math.max(0, plot.scales['y']?.min ?? 0), 'y', true)
        ]
        const byValue =
          field.config.color?.mode === 'thresholds' ? field.display?.(value).color : undefined
        ctx.fillStyle = byValue ?? colorOf(field)
        const [start, length] = [Math.min(top, base), Math.max(1, Math.abs(base - top))]
        if (isHorizontal) ctx.fillRect(start, side, length, bar)
        else ctx.fillRect(side, start, bar, length)
        const hasRoom = !isHorizontal || bar >= LABEL_HEIGHT * devicePixelRatio * 0.8
        if (options.showValue === 'never' || !hasRoom) return
        ctx.fillStyle = theme.colors.text.primary
        if (isHorizontal) {
          ctx.textAlign = value < 0 ? 'right' : 'left'
          ctx.fillText(
            text(field, value),
            value < 0 ? start - 4 : start + length + 4,
            side + bar / 2 + 4
          )
        } else {
          ctx.fillText(
            text(field, value),
            side + bar / 2,
            value < 0 ? start + length + LABEL_HEIGHT : start - 4
          )
        }
      })
    })
    ctx.restore()
  })
  const data = [names.values.map((_name, index) => index), ...numbers.map(({ values }) => values)]
  builder.setPrepData(() => data as never)
  const items = numbers.map((field) => ({
    label: getFieldDisplayName(field, frame),
    color: colorOf(field),
    yAxis: 1
  }))
  const isLegendShown = (panel.options['legend'] as { showLegend: boolean }).showLegend
  const legend = (
    <VizLayout.Legend placement="bottom">
      <VizLegend placement="bottom" items={items} displayMode={'list' as never} />
    </VizLayout.Legend>
  )
  return (
    <VizLayout width={width} height={height} legend={isLegendShown ? legend : null}>
      {(chartWidth: number, chartHeight: number) => (
        <UPlotChart data={data as never} config={builder} width={chartWidth} height={chartHeight} />
      )}
    </VizLayout>
  )
}
