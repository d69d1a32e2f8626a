/** Position of a panel and the range of values on its vertical axis. */
export interface PanelFrame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly title: string
  readonly least: number
  readonly most: number
  /** Text of a value on the axis. */
  format(value: number): string
}

export const PANEL_WIDTH = 440
export const PANEL_HEIGHT = 230
/** Room around the plot itself. */
const LEFT = 56
const RIGHT = 12
const TOP = 28
const BOTTOM = 34

/** One plot of a sheet: its title, axis and grid lines, and the coordinates for marks. Coordinates are pixels. */
export class Panel {
  readonly #frame: PanelFrame
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number

  constructor(frame: PanelFrame) {
    this.#frame = frame
    this.left = frame.x + LEFT
    this.right = frame.x + frame.width - RIGHT
    this.top = frame.y + TOP
    this.bottom = frame.y + frame.height - BOTTOM
  }

  /** The y coordinate of a value; values outside the range are drawn on the edge. */
  y(value: number): number {
    const { least, most } = this.#frame
    const part = Math.min(1, Math.max(0, (value - least) / (most - least)))
    return this.bottom - part * (this.bottom - this.top)
  }

  /** The x coordinate of the middle of one of `count` columns. */
  x(index: number, count: number): number {
    return this.left + ((index + 0.5) / count) * (this.right - this.left)
  }

  /** Title and grid lines, the one at `reference` darker. */
  backdrop(reference: number): string[] {
    const { title, least, most, x, y, format } = this.#frame
    return [
      label(x + 4, y + 16, title, 'strong'),
      ...ticksBetween(least, most).flatMap((value) => [
        line(this.left, this.y(value), this.right, this.y(value), 'grid'),
        label(this.left - 6, this.y(value) + 4, format(value), 'small', 'end')
      ]),
      line(this.left, this.y(reference), this.right, this.y(reference), 'axis')
    ]
  }

  /** A stripe over a range of values. */
  stripe(least: number, most: number): string {
    const [y, height] = [this.y(most), this.y(least) - this.y(most)]
    return element('rect', {
      x: this.left,
      y,
      width: this.right - this.left,
      height,
      class: 'goal'
    })
  }
}

const MOST_TICKS = 7

/** Round values across a range, at most seven. */
function ticksBetween(least: number, most: number): number[] {
  const rough = (most - least) / (MOST_TICKS - 1)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough
  const ticks: number[] = []
  for (let count = Math.ceil(least / step - 1e-9); count * step <= most + step * 1e-9; count++) {
    ticks.push(count * step)
  }
  return ticks
}

/** A circle, a square or a triangle, so that series differ by more than colour. */
export function mark(index: number, x: number, y: number, isOpen = false): string {
  const style = `mark c${index % 3}${isOpen ? ' open' : ''}`
  const size = 4
  if (index % 3 === 0) return element('circle', { cx: x, cy: y, r: size, class: style })
  if (index % 3 === 1) {
    return element('rect', {
      x: x - size,
      y: y - size,
      width: 2 * size,
      height: 2 * size,
      class: style
    })
  }
  const points = [
    [x, y - size - 1],
    [x + size + 1, y + size],
    [x - size - 1, y + size]
  ]
  return element('polygon', {
    points: points.map(([px = 0, py = 0]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' '),
    class: style
  })
}

/** An SVG element as text; numbers are rounded to 0.1 pixel, so that files are small and stable. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content = ''
): string {
  const list = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escaped(value)}"`)
    .join('')
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return element('line', { x1, y1, x2, y2, class: style })
}

export function label(
  x: number,
  y: number,
  text: string,
  style = '',
  anchor: 'start' | 'middle' | 'end' = 'start'
): string {
  return element('text', { x, y, class: `text ${style}`, 'text-anchor': anchor }, escaped(text))
}

/** A complete SVG document; its colours follow the reader's light or dark scheme. */
export function drawing(
  { width, height, title }: { width: number; height: number; title: string },
  parts: readonly string[]
): string {
  const content = [
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    element('rect', { width, height, class: 'surface' }),
    ...parts
  ].join('\n')
  const head = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}` }
  return `${element('svg', { ...head, width, height, role: 'img' }, content)}\n`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}

const STYLE = `
.surface{fill:#fcfcfb}.text{fill:#52514e;font:12px system-ui,sans-serif}
.strong{fill:#0b0b0b;font-weight:600}.title{font-size:14px}.small{font-size:11px}
.grid{stroke:#e4e3df}.axis{stroke:#8a8984}.goal{fill:#898781;fill-opacity:.16}
.c0{fill:#2a78d6;stroke:#2a78d6}.c1{fill:#c2571a;stroke:#c2571a}.c2{fill:#12805a;stroke:#12805a}
.mark{stroke-width:1.5}.open{fill:#fcfcfb}.range{stroke-width:1.5}.path{fill:none;stroke-width:2}
.reference{stroke-dasharray:5 3}
@media (prefers-color-scheme:dark){
.surface,.open{fill:#1a1a19}.text{fill:#c3c2b7}.strong{fill:#fff}
.grid{stroke:#33332f}.axis{stroke:#84837c}
.c0{fill:#5a9cec;stroke:#5a9cec}.c1{fill:#e8874f;stroke:#e8874f}.c2{fill:#3cb98c;stroke:#3cb98c}
.open{fill:#1a1a19}.path{fill:none}
}`
