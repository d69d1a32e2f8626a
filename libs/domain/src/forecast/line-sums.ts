import type { CloseRing } from './close-ring.ts'

/**
 * The weighted sums a fitted line needs, over the newest closes of a ring, kept in constant time.
 *
 * x is the position relative to the newest close (0, and negative before it), y the close less an
 * anchor; a close of age x weighs decay^-x. A step forward shifts x by algebra, adds one close and
 * drops the oldest. Rounding cannot pile up: all is summed anew every `span` steps, when a dropped
 * close outweighed what is left, and when the anchor is far off. Sums are part of the stored state,
 * so a restart continues with the very same bits.
 */
export class LineSums {
  readonly decay: number
  readonly span: number
  count = 0
  anchor = 0
  w = 0
  wx = 0
  wy = 0
  wxx = 0
  wxy = 0
  wyy = 0
  /** Sum of squared weights: the effective number of closes is w^2 / w2. */
  w2 = 0
  #sinceExact = 0

  /** @param decay weight of a close relative to the one a window later, 1 for equal weights */
  constructor(decay: number, span: number) {
    this.decay = decay
    this.span = span
  }

  clear(): void {
    this.count = 0
  }

  /** Takes in the newest close of the ring, which holds one more than `span` closes. */
  extend(ring: CloseRing): void {
    if (this.count === 0 || ++this.#sinceExact >= this.span) {
      this.recompute(ring, Math.min(this.count + 1, this.span))
      return
    }
    const step = ring.position(0) - ring.position(1)
    const keep = this.decay === 1 ? 1 : this.decay ** step
    this.wxx = keep * (this.wxx - 2 * step * this.wx + step * step * this.w)
    this.wxy = keep * (this.wxy - step * this.wy)
    this.wx = keep * (this.wx - step * this.w)
    const y = ring.close(0) - this.anchor
    this.wy = keep * this.wy + y
    this.wyy = keep * this.wyy + y * y
    this.w = keep * this.w + 1
    this.w2 = keep * keep * this.w2 + 1
    if (this.count < this.span) this.count++
    else this.#drop(ring)
    if (this.#isFarFromAnchor()) this.recompute(ring, this.count)
  }

  /** Sums the newest `count` closes anew, anchored at the newest. */
  recompute(ring: CloseRing, count: number): void {
    this.count = count
    this.anchor = ring.close(0)
    this.w = this.wx = this.wy = this.wxx = this.wxy = this.wyy = this.w2 = 0
    this.#sinceExact = 0
    const origin = ring.position(0)
    for (let age = count - 1; age >= 0; age--) {
      const x = ring.position(age) - origin
      this.#add(x, ring.close(age) - this.anchor, this.decay === 1 ? 1 : this.decay ** -x)
    }
  }

  state(): readonly number[] {
    const { count, anchor, w, wx, wy, wxx, wxy, wyy, w2 } = this
    return [count, anchor, w, wx, wy, wxx, wxy, wyy, w2, this.#sinceExact]
  }

  restore(state: readonly number[]): void {
    const [count = 0, anchor = 0, w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0, wyy = 0, w2 = 0] = state
    Object.assign(this, { count, anchor, w, wx, wy, wxx, wxy, wyy, w2 })
    this.#sinceExact = state[9] ?? 0
  }

  #add(x: number, y: number, weight: number): void {
    this.w += weight
    this.wx += weight * x
    this.wy += weight * y
    this.wxx += weight * x * x
    this.wxy += weight * x * y
    this.wyy += weight * y * y
    this.w2 += weight * weight
  }

  #drop(ring: CloseRing): void {
    const x = ring.position(this.span) - ring.position(0)
    const y = ring.close(this.span) - this.anchor
    const weight = this.decay === 1 ? 1 : this.decay ** -x
    this.#add(x, y, -weight)
    this.w2 -= 2 * weight * weight // added above, where it was to be taken away
    const outweighed = 100 * this.span
    if (weight * x * x > outweighed * this.wxx || weight * y * y > outweighed * this.wyy) {
      this.recompute(ring, this.count)
    }
  }

  /** Sums of squares about an anchor far from the mean lose the digits of the variance. */
  #isFarFromAnchor(): boolean {
    return this.wyy - (this.wy * this.wy) / this.w < 1e-5 * this.wyy
  }
}
