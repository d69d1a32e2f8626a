import type { UPlotConfigBuilder } from '@grafana/ui'
import type { PreparedPanel } from './prepared-panel.ts'

/** Lines at moments and shades over stretches, below the series. */
export function shadeAnnotations(
  builder: UPlotConfigBuilder,
  { annotations, theme, timeRange }: PreparedPanel
): void {
  builder.addHook('drawClear', (plot) => {
    const { ctx, bbox } = plot
    const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()]
    const x = (timeMs: number): number =>
      plot.valToPos(Math.min(Math.max(timeMs, from), to), 'x', true)
    ctx.save()
    for (const { color, fromMs, toMs } of annotations) {
      if (fromMs > to || (toMs ?? fromMs) < from) continue
      ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName(color)
      ctx.setLineDash([5, 5])
      for (const moment of toMs === null ? [fromMs] : [fromMs, toMs]) {
        ctx.beginPath()
        ctx.moveTo(x(moment), bbox.top)
        ctx.lineTo(x(moment), bbox.top + bbox.height)
        ctx.stroke()
      }
      if (toMs === null) continue
      ctx.globalAlpha = 0.1
      ctx.fillRect(x(fromMs), bbox.top, x(toMs) - x(fromMs), bbox.height)
      ctx.globalAlpha = 1
    }
    ctx.restore()
  })
}
