/** A linear scale from values to pixels. */
export function linear(fromValue, toValue, fromPixel, toPixel) {
  const factor = (toPixel - fromPixel) / (toValue - fromValue || 1)
  return (value) => fromPixel + (value - fromValue) * factor
}

/** Round values inside a range, about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low, high, count) {
  if (!(high > low)) return [low]
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power
  const values = []
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    values.push(Number(value.toPrecision(12)))
  }
  return values
}

const TIME_STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
  172_800, 604_800, 1_209_600, 2_592_000
]

/** Round moments inside a range, about `count` of them, in the viewer's time zone. */
export function timeTicks(fromMs, toMs, count) {
  const rough = (toMs - fromMs) / count
  const stepMs = (TIME_STEPS_S.find((step) => step * 1000 >= rough) ?? 5_184_000) * 1000
  const zoneMs = new Date(toMs).getTimezoneOffset() * 60_000
  const values = []
  for (let at = Math.ceil((fromMs - zoneMs) / stepMs) * stepMs + zoneMs; at <= toMs; at += stepMs) {
    values.push(at)
  }
  return values
}

/**
 * The time slots of a chart: as many as the bars need, thirty at least, so that the first minutes of a run
 * fill the chart. Slots without a bar stay empty. An open outage moves the end forward, so that it is
 * visible while it grows.
 */
export function slotsOf({ bars, forecasts, gaps }, windowMs) {
  const ends = [
    ...bars.map(({ end }) => end),
    ...forecasts.map(({ targetEnd }) => targetEnd),
    ...gaps.map(({ timeEnd }) => timeEnd)
  ]
  const lastMs = Math.max(...ends)
  const firstMs = Math.min(...bars.map(({ time }) => time), lastMs - 30 * windowMs)
  return { fromMs: firstMs, toMs: lastMs + windowMs }
}
