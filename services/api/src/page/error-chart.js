import { RIGHT } from './candle-chart.js'
import { errorText, signedText } from './format.js'
import { linear } from './scale.js'
import { svg, svgText } from './svg.js'

/** Errors of forecasts, below the candles they were made for; the outline is the error of the last price. */
export function errorChart({ forecasts, slots, windowMs, size }) {
  const scored = forecasts.filter(({ status, time }) => status === 'scored' && time >= slots.fromMs)
  if (scored.length === 0) return undefined
  const { width, height } = size
  const most =
    Math.max(...scored.flatMap(({ absError, absNaiveError }) => [absError, absNaiveError])) || 1
  const x = linear(slots.fromMs, slots.toMs, 0, width - RIGHT)
  const y = linear(-most, most, height - 6, 6)
  const slot = x(slots.fromMs + windowMs) - x(slots.fromMs)
  const zero = y(0)
  const bar = (kind, time, value, share) =>
    svg('rect', {
      class: kind,
      x: x(time) + (slot * (1 - share)) / 2,
      width: Math.max(1, slot * share),
      y: Math.min(zero, y(value)),
      height: Math.max(0.5, Math.abs(y(value) - zero))
    })
  const label = `Errors of ${scored.length} forecasts, at most ${signedText(most, errorText)}`
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, [
    svg('line', { class: 'axis', x1: 0, x2: width - RIGHT, y1: zero, y2: zero }),
    ...scored.map(({ time, error }) => bar('error-bar', time, error, 0.4)),
    ...scored.map(({ time, naiveError }) => bar('naive-bar', time, naiveError, 0.74)),
    svgText(width - RIGHT + 6, 14, signedText(most, errorText)),
    svgText(width - RIGHT + 6, zero + 4, '0'),
    svgText(width - RIGHT + 6, height - 4, signedText(-most, errorText))
  ])
}
