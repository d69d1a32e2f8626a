import { clockText, compactText } from './format.js'
import { linear } from './scale.js'
import { svg, svgText } from './svg.js'

/** The newest seconds, whose trades may still be on their way from the feed to the database. */
const INCOMPLETE_S = 3
const MEAN_OVER_S = 10

/** The mean of the last ten complete seconds. */
export function rateNow(rates) {
  const complete = rates.slice(-INCOMPLETE_S - MEAN_OVER_S, -INCOMPLETE_S)
  return complete.reduce((sum, { rate }) => sum + rate, 0) / MEAN_OVER_S
}

export function rateChart(rates, size) {
  const most = Math.max(...rates.map(({ rate }) => rate))
  if (most === 0) return undefined
  const { width, height } = size
  const x = linear(0, rates.length, 0, width)
  const y = linear(0, most, height - 16, 14)
  const steps = rates
    .map(({ rate }, index) => `H${x(index).toFixed(1)}V${y(rate).toFixed(1)}`)
    .join('')
  const label = `Trades per second, at most ${compactText(most)}, now ${compactText(rateNow(rates))}`
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, [
    svg('path', { class: 'rate', d: `M0 ${height - 16}${steps}H${width}V${height - 16}Z` }),
    svgText(0, 10, `most ${compactText(most)}`),
    svgText(0, height - 3, clockText(rates[0].time)),
    svgText(width, height - 3, clockText(rates.at(-1).time), { 'text-anchor': 'end' })
  ])
}
