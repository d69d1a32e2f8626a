import { element, label, line } from './svg.ts'

/** Where a panel lies and which values its height shows. */
export interface PanelFrame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly title: string
  readonly least: number
  readonly most: number
  /** How a value on the axis is written. */
  format(value: number): string
}

export const PANEL_WIDTH = 440
export const PANEL_HEIGHT = 230
/** Room around the plot itself. */
const LEFT = 56
const RIGHT = 12
const TOP = 28
const BOTTOM = 34

/** One plot among several of the same kind: a title, an axis with its lines, and a place for marks. */
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

  /** The height of a value; what lies outside is drawn on the edge. */
  at(value: number): number {
    const { least, most } = this.#frame
    const part = Math.min(1, Math.max(0, (value - least) / (most - least)))
    return this.bottom - part * (this.bottom - this.top)
  }

  /** The middle of one of `count` columns. */
  column(index: number, count: number): number {
    return this.left + ((index + 0.5) / count) * (this.right - this.left)
  }

  /** Title and lines across, the one at `reference` darker. */
  backdrop(reference: number): string[] {
    const { title, least, most, x, y, format } = this.#frame
    return [
      label(x + 4, y + 16, title, 'strong'),
      ...ticksBetween(least, most).flatMap((value) => [
        line(this.left, this.at(value), this.right, this.at(value), 'grid'),
        label(this.left - 6, this.at(value) + 4, format(value), 'small', 'end')
      ]),
      line(this.left, this.at(reference), this.right, this.at(reference), 'axis')
    ]
  }

  /** The values that are aimed at, as a stripe. */
  goal(least: number, most: number): string {
    const [y, height] = [this.at(most), this.at(least) - this.at(most)]
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
export function ticksBetween(least: number, most: number): number[] {
  const rough = (most - least) / (MOST_TICKS - 1)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough
  const ticks: number[] = []
  for (let count = Math.ceil(least / step - 1e-9); count * step <= most + step * 1e-9; count++) {
    ticks.push(count * step)
  }
  return ticks
}

/** A circle, a square or a triangle, so that colour is not all that tells series apart. */
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
