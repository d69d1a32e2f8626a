import type { Field, GrafanaTheme2 } from '@grafana/data'
import type { UPlotConfigBuilder } from '@grafana/ui'
import type uPlot from 'uplot'
import type { PanelModel } from './picture.ts'

/** Share of the height that the tallest bar of volume takes. */
const VOLUME_SHARE = 1 / 7
const BODY_SHARE = 0.6

type ScaleProps = Parameters<UPlotConfigBuilder['addScale']>[0]
type AxisProps = Parameters<UPlotConfigBuilder['addAxis']>[0]
type Role = 'open' | 'high' | 'low' | 'close' | 'volume'

interface CandleOptions {
  readonly fields: Readonly<Record<Role, string>>
  readonly colors: Readonly<Record<'up' | 'down' | 'flat', string>>
}

/** Draws candles, centred on the start of their window as Grafana does, over their volume. */
export function candleRenderer(panel: PanelModel, theme: GrafanaTheme2): Renderer {
  const { fields, colors } = panel.options as unknown as CandleOptions
  return {
    fieldMap: fields,
    indicesOnly: [],
    init(builder, indices) {
      builder.addHook('drawAxes', (plot) => {
        const times = plot.data[0]
        const gapPx = times.length > 1 ? smallestGap(plot, times) : plot.bbox.width / 20
        const width = Math.max(1, Math.min(gapPx * BODY_SHARE, 60))
        const { ctx } = plot
        ctx.save()
        ctx.beginPath()
        ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height)
        ctx.clip()
        Array.from(times).forEach((time, row) => {
          const at = (role: Role): number | null | undefined =>
            plot.data[indices[role] ?? -1]?.[row]
          const y = (role: Role): number =>
            plot.valToPos(Number(at(role)), String(plot.series[indices[role] ?? -1]?.scale), true)
          if (at('open') == null || at('close') == null) return
          const change = Number(at('close')) - Number(at('open'))
          ctx.fillStyle = theme.visualization.getColorByName(
            change > 0 ? colors.up : change < 0 ? colors.down : colors.flat
          )
          const x = plot.valToPos(time, 'x', true)
          if (at('volume') != null) {
            ctx.globalAlpha = 0.4
            const bottom = plot.bbox.top + plot.bbox.height
            ctx.fillRect(x - width / 2, y('volume'), width, bottom - y('volume'))
            ctx.globalAlpha = 1
          }
          ctx.fillRect(Math.round(x) - 0.5, y('high'), 1, Math.max(1, y('low') - y('high')))
          const top = Math.min(y('open'), y('close'))
          ctx.fillRect(x - width / 2, top, width, Math.max(1, Math.abs(y('open') - y('close'))))
        })
        ctx.restore()
      })
    }
  }
}

interface Renderer {
  fieldMap: Record<string, string>
  indicesOnly: string[]
  init: (builder: UPlotConfigBuilder, indices: Record<string, number>) => void
}

function smallestGap(plot: uPlot, times: ArrayLike<number>): number {
  let gap = Infinity
  for (let row = 1; row < times.length; row++)
    gap = Math.min(gap, Number(times[row]) - Number(times[row - 1]))
  return (
    plot.valToPos(Number(times[0]) + gap, 'x', true) - plot.valToPos(Number(times[0]), 'x', true)
  )
}

/** Volume keeps to the lower part of the chart. */
export function volumeScale(panel: PanelModel) {
  return (scale: ScaleProps, { name }: Field): ScaleProps =>
    name === volumeOf(panel)
      ? { ...scale, range: (_plot, _min, max) => [0, Math.max(max ?? 0, 1) / VOLUME_SHARE] }
      : scale
}

/** The axis of volume ends where the bars do. */
export function volumeAxis(panel: PanelModel) {
  return (axis: AxisProps, { name }: Field): AxisProps =>
    name === volumeOf(panel)
      ? {
          ...axis,
          space: 20,
          grid: { show: false },
          values: (plot, splits) =>
            splits.map((at) =>
              at === null || at > Number(plot.scales[axis.scaleKey]?.max) * VOLUME_SHARE * 1.2
                ? ''
                : (axis.formatValue?.(at, 0) ?? String(at))
            )
        }
      : axis
}

function volumeOf(panel: PanelModel): string {
  return (panel.options as unknown as CandleOptions).fields.volume
}
