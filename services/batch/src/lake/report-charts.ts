/** Text for HTML and SVG. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** Three significant digits with a unit: 12.3k, 4.56M. */
export function short(value: number): string {
  const units = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k']
  ] as const
  const [size, unit] = units.find(([one]) => Math.abs(value) >= one) ?? [1, '']
  const scaled = value / size
  const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2
  return unit === '' && Number.isInteger(value) ? String(value) : scaled.toFixed(digits) + unit
}

/** A share as percent with a sign: +1.25 %. */
export function signedPercent(share: number): string {
  const percent = 100 * share
  const sign = percent > 0 ? '+' : percent < 0 ? '−' : ''
  return `${sign}${Math.abs(percent).toFixed(2)} %`
}

const at = (value: number): string => value.toFixed(1)

/** A line over equally spaced values, 120 by 28; empty below two values. */
export function sparkline(values: readonly number[], label: string): string {
  const [first, last] = [values[0], values.at(-1)]
  if (first === undefined || last === undefined || values.length < 2) return ''
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const y = (value: number): number =>
    25 - (high === low ? 11 : (22 * (value - low)) / (high - low))
  const points = values.map(
    (value, i) => `${at((118 * i) / (values.length - 1) + 1)},${at(y(value))}`
  )
  const tone = last >= first ? 'up' : 'down'
  return (
    `<svg class="spark ${tone}" viewBox="0 0 120 28" role="img" aria-label="${escaped(label)}">` +
    `<line class="base" x1="0" x2="120" y1="${at(y(first))}" y2="${at(y(first))}"/>` +
    `<polyline points="${points.join(' ')}"/></svg>`
  )
}

interface Bar {
  readonly label: string
  /** Positive to the right, negative to the left. */
  readonly value: number
  readonly text: string
}

const ROW = 26

/** Horizontal bars on both sides of a common zero, in the given order. */
export function divergingBars(bars: readonly Bar[], label: string): string {
  const [left, width] = [130, 640]
  const most = Math.max(...bars.map(({ value }) => Math.abs(value)), 1e-9)
  const negative = bars.some(({ value }) => value < 0)
  const positive = bars.some(({ value }) => value > 0)
  const zero =
    left + 60 + (negative ? (positive ? (width - left - 120) / 2 : width - left - 120) : 0)
  const room = negative && positive ? (width - left - 120) / 2 : width - left - 120
  const height = bars.length * ROW + 8
  const rows = bars.map(({ label: name, value, text }, i) => {
    const y = 4 + i * ROW
    const length = Math.max(1, (Math.abs(value) / most) * room)
    const x = value < 0 ? zero - length : zero
    const end = value < 0 ? x - 6 : x + length + 6
    const anchor = value < 0 ? 'end' : 'start'
    return (
      `<g><title>${escaped(name)}: ${escaped(text)}</title>` +
      `<text class="name" x="${left - 10}" y="${y + 17}" text-anchor="end">${escaped(shortName(name))}</text>` +
      `<rect class="${value < 0 ? 'down' : 'up'}" x="${at(x)}" y="${y + 4}" width="${at(length)}" height="${ROW - 8}" rx="3"/>` +
      `<text class="value" x="${at(end)}" y="${y + 17}" text-anchor="${anchor}">${escaped(text)}</text></g>`
    )
  })
  return (
    `<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">` +
    `<line class="axis" x1="${at(zero)}" x2="${at(zero)}" y1="0" y2="${height}"/>${rows.join('')}</svg>`
  )
}

/** `BINANCE:BTCUSDT` is told by its second part. */
function shortName(symbol: string): string {
  const name = symbol.slice(symbol.indexOf(':') + 1)
  return name.length > 14 ? `${name.slice(0, 13)}…` : name
}

interface Column {
  readonly label: string
  readonly value: number
  readonly title: string
  readonly isMarked: boolean
}

/** Columns over a zero line, with a grid of three lines. */
export function columns(bars: readonly Column[], label: string): string {
  const [width, height, left, bottom, top] = [640, 400, 52, 26, 12]
  const most = niceAbove(Math.max(...bars.map(({ value }) => value), 1e-9))
  const room = width - left - 6
  const step = room / Math.max(1, bars.length)
  const y = (value: number): number => height - bottom - ((height - bottom - top) * value) / most
  const grid = [0, 0.5, 1].map((share) => {
    const line = at(y(most * share))
    return (
      `<line class="grid" x1="${left}" x2="${width}" y1="${line}" y2="${line}"/>` +
      `<text class="tick" x="${left - 8}" y="${at(y(most * share) + 4)}" text-anchor="end">${short(most * share)}</text>`
    )
  })
  const every = Math.ceil(bars.length / 13)
  const drawn = bars.map(({ label: name, value, title, isMarked }, i) => {
    const x = left + i * step
    const tick =
      i % every === 0
        ? `<text class="tick" x="${at(x + step / 2)}" y="${height - 8}" text-anchor="middle">${escaped(name)}</text>`
        : ''
    return (
      `<g><title>${escaped(title)}</title>` +
      `<rect class="${isMarked ? 'marked' : 'plain'}" x="${at(x + step * 0.12)}" y="${at(y(value))}" ` +
      `width="${at(step * 0.76)}" height="${at(Math.max(0.5, height - bottom - y(value)))}" rx="2"/>${tick}</g>`
    )
  })
  return (
    `<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">` +
    `${grid.join('')}${drawn.join('')}</svg>`
  )
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
export function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value * (1 - 1e-12)) ?? 10
  return step * power
}

/** A square of correlations, -1 to 1, with the number in each cell where there is room. */
export function heatmap(
  names: readonly string[],
  valueOf: (a: string, b: string) => { readonly value: number; readonly n: number } | undefined,
  label: string
): string {
  const [left, top, width] = [100, 84, 640]
  const cell = Math.min(44, (width - left - 4) / Math.max(1, names.length))
  const height = top + cell * names.length + 4
  const parts: string[] = []
  for (const [row, a] of names.entries()) {
    const y = top + row * cell
    parts.push(
      `<text class="name" x="${left - 8}" y="${at(y + cell / 2 + 4)}" text-anchor="end">${escaped(shortName(a))}</text>`,
      `<text class="name" transform="translate(${at(left + row * cell + cell / 2 + 4)} ${top - 8}) rotate(-55)">${escaped(shortName(a))}</text>`
    )
    for (const [column, b] of names.entries()) {
      const found = a === b ? undefined : valueOf(a, b)
      const x = left + column * cell
      const box = `x="${at(x + 1)}" y="${at(y + 1)}" width="${at(cell - 2)}" height="${at(cell - 2)}" rx="3"`
      if (found === undefined) {
        parts.push(`<rect class="none" ${box}/>`)
        continue
      }
      const strength = Math.min(1, Math.abs(found.value))
      const tone = found.value < 0 ? 'negative' : 'positive'
      const text =
        cell >= 30
          ? `<text class="cell${strength > 0.7 ? ' strong' : ''}" x="${at(x + cell / 2)}" y="${at(y + cell / 2 + 4)}" text-anchor="middle">${found.value.toFixed(2).replace('-', '−')}</text>`
          : ''
      parts.push(
        `<g><title>${escaped(a)} and ${escaped(b)}: ${found.value.toFixed(3)} over ${found.n} returns</title>` +
          `<rect class="${tone}" style="fill-opacity:${(0.08 + 0.92 * strength).toFixed(2)}" ${box}/>${text}</g>`
      )
    }
  }
  return `<svg class="chart" viewBox="0 0 ${width} ${at(height)}" role="img" aria-label="${escaped(label)}">${parts.join('')}</svg>`
}
