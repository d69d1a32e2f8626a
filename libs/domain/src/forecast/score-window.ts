import type { Contribution } from './scores.ts'

/** Numbers a row takes: 64 bytes for each forecast remembered. */
const ROW = 8
const FIRST_ROWS = 16

/**
 * The contributions of the newest scored forecasts by target, at most `capacity`: what the rolling
 * scores are summed from, always in order of target, so that a rebuilt window gives the same bits.
 */
export class ScoreWindow {
  readonly capacity: number
  #rows: Float64Array
  #oldest = 0
  #length = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#rows = new Float64Array(Math.min(FIRST_ROWS, capacity) * ROW)
  }

  get length(): number {
    return this.#length
  }

  /** Adds a contribution, or replaces the one of the same target; the oldest makes room. */
  put(one: Contribution): void {
    const index = this.#find(one.targetMs)
    if (index < this.#length) {
      if (this.at(index).targetMs !== one.targetMs) this.#insert(index, one)
      else this.#write(index, one)
      return
    }
    this.#append(one)
  }

  /** Takes out the contribution of a target: its bar turned out to have none. */
  remove(targetMs: number): void {
    const kept = this.toArray().filter((one) => one.targetMs !== targetMs)
    if (kept.length < this.#length) this.#refill(kept)
  }

  /** By age: 0 is the oldest. */
  at(index: number): Contribution {
    const from = this.#offset(index)
    const rows = this.#rows
    const flags = rows[from + 7] ?? 0
    return {
      targetMs: rows[from] ?? 0,
      error: rows[from + 1] ?? 0,
      naiveError: rows[from + 2] ?? 0,
      driftError: rows[from + 3] ?? 0,
      scale: rows[from + 4] ?? 0,
      olsWidth: rows[from + 5] ?? 0,
      bandWidth: rows[from + 6] ?? 0,
      inOls: flags % 2 === 1,
      inBand: flags >= 2
    }
  }

  toArray(): Contribution[] {
    const all: Contribution[] = []
    for (let index = 0; index < this.#length; index++) all.push(this.at(index))
    return all
  }

  #append(one: Contribution): void {
    if (this.#length === this.capacity) {
      this.#oldest = (this.#oldest + 1) % this.capacity
      this.#length--
    }
    const rows = this.#rows.length / ROW
    if (this.#length === rows) {
      const wider = new Float64Array(Math.min(2 * rows, this.capacity) * ROW)
      wider.set(this.#rows) // not yet full, so not yet turned: the oldest row is row 0
      this.#rows = wider
    }
    this.#length++
    this.#write(this.#length - 1, one)
  }

  #insert(index: number, one: Contribution): void {
    if (index === 0 && this.#length === this.capacity) return // older than all that is remembered
    this.#refill(this.toArray().toSpliced(index, 0, one))
  }

  #refill(all: readonly Contribution[]): void {
    this.#oldest = 0
    this.#length = 0
    for (const one of all) this.#append(one)
  }

  /** The first row whose target is not before the given one. */
  #find(targetMs: number): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#rows[this.#offset(middle)] ?? 0) < targetMs) low = middle + 1
      else high = middle
    }
    return low
  }

  #offset(index: number): number {
    return ((this.#oldest + index) % (this.#rows.length / ROW)) * ROW
  }

  #write(index: number, one: Contribution): void {
    const from = this.#offset(index)
    const rows = this.#rows
    rows[from] = one.targetMs
    rows[from + 1] = one.error
    rows[from + 2] = one.naiveError
    rows[from + 3] = one.driftError
    rows[from + 4] = one.scale
    rows[from + 5] = one.olsWidth
    rows[from + 6] = one.bandWidth
    rows[from + 7] = (one.inOls ? 1 : 0) + (one.inBand ? 2 : 0)
  }
}
