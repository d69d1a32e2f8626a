import { svg } from './svg.js'

const WIDTH = 54
const HEIGHT = 24

/** A line of closes without axes, coloured by whether the last is above the first. */
export function sparkline(bars, change) {
  const closes = bars.filter(({ close }) => close !== null)
  if (closes.length < 2) return undefined
  const prices = closes.map(({ close }) => close)
  const [low, high] = [Math.min(...prices), Math.max(...prices)]
  const [start, end] = [closes[0].time, closes.at(-1).time]
  const points = closes.map(({ time, close }) => {
    const x = 1 + ((time - start) / (end - start || 1)) * (WIDTH - 2)
    const y = high === low ? HEIGHT / 2 : 2 + ((high - close) / (high - low)) * (HEIGHT - 4)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  const direction = change > 0 ? 'up' : change < 0 ? 'down' : ''
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, 'aria-hidden': 'true' },
    [svg('polyline', { class: `spark ${direction}`, points: points.join(' ') })]
  )
}

/** The last price against the open of the first bar of the span, as a share; undefined without bars. */
export function changeOf(bars, lastPrice) {
  const first = bars.find(({ open }) => open !== null)
  return first === undefined || lastPrice === null ? undefined : lastPrice / first.open - 1
}
