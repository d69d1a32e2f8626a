/** One close at its place in the series. */
export interface CloseAt {
  readonly startMs: number
  /** Count of windows since some origin; only differences matter. */
  readonly position: number
  readonly close: number
  /** Revision of the bar the close is of. */
  readonly revision: number
}

/**
 * The newest closes of a series, at most `capacity`, addressed by age: 0 is the newest. Positions
 * rise, with steps above one where windows had no trade.
 */
export class CloseRing {
  readonly capacity: number
  readonly #starts: Float64Array
  readonly #positions: Float64Array
  readonly #closes: Float64Array
  readonly #revisions: Float64Array
  #newest = -1
  #length = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#starts = new Float64Array(capacity)
    this.#positions = new Float64Array(capacity)
    this.#closes = new Float64Array(capacity)
    this.#revisions = new Float64Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  push({ startMs, position, close, revision }: CloseAt): void {
    const at = this.#newest + 1 === this.capacity ? 0 : this.#newest + 1
    this.#newest = at
    this.#starts[at] = startMs
    this.#positions[at] = position
    this.#closes[at] = close
    this.#revisions[at] = revision
    if (this.#length < this.capacity) this.#length++
  }

  /** The close of that age; NaN beyond the length. */
  close(age: number): number {
    return this.#read(this.#closes, age)
  }

  position(age: number): number {
    return this.#read(this.#positions, age)
  }

  startMs(age: number): number {
    return this.#read(this.#starts, age)
  }

  clear(): void {
    this.#length = 0
  }

  /** Whether no close is held of a window after the oldest one held. */
  lacks(startMs: number): boolean {
    const age = this.#ageOf(startMs)
    return age < this.#length && this.startMs(age) !== startMs
  }

  /** Replaces a corrected close. False: it is known, of an older revision, or not held. */
  revise(startMs: number, close: number, revision: number): boolean {
    const age = this.#ageOf(startMs)
    if (age === this.#length || this.startMs(age) !== startMs) return false
    if (this.#read(this.#revisions, age) > revision || this.close(age) === close) return false
    const at = this.#indexOf(age)
    this.#closes[at] = close
    this.#revisions[at] = revision
    return true
  }

  /**
   * Puts a close that only late trades made in its place and answers its age.
   * @param isActivity positions count the closes themselves, so the later ones move on by one
   */
  insert(one: CloseAt, isActivity: boolean): number {
    const age = this.#ageOf(one.startMs)
    const all = this.toArray()
    all.splice(this.#length - age, 0, one)
    this.clear()
    for (const [index, each] of all.entries()) {
      this.push(isActivity ? { ...each, position: index } : each)
    }
    return age
  }

  /** All closes, oldest first. */
  toArray(): CloseAt[] {
    const all: CloseAt[] = []
    for (let age = this.#length - 1; age >= 0; age--) {
      all.push({
        startMs: this.startMs(age),
        position: this.position(age),
        close: this.close(age),
        revision: this.#read(this.#revisions, age)
      })
    }
    return all
  }

  /** How many closes held are newer than a moment. */
  #ageOf(startMs: number): number {
    let age = 0
    while (age < this.#length && this.startMs(age) > startMs) age++
    return age
  }

  #indexOf(age: number): number {
    const index = this.#newest - age
    return index < 0 ? index + this.capacity : index
  }

  #read(from: Float64Array, age: number): number {
    return age < this.#length ? (from[this.#indexOf(age)] ?? Number.NaN) : Number.NaN
  }
}
