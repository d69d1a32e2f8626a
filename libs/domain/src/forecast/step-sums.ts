import type { CloseRing } from './close-ring.ts'

/**
 * What the lookback says of the price's own movement: the size of its steps. Kept in constant time
 * and summed anew every `span` steps; part of the stored state, like LineSums.
 */
export class StepSums {
  readonly #span: number
  readonly #horizon: number
  #count = 0
  #squares = 0
  #absolute = 0
  #sinceExact = 0

  constructor(span: number, horizon: number) {
    this.#span = span
    this.#horizon = horizon
  }

  clear(): void {
    this.#count = 0
  }

  extend(ring: CloseRing): void {
    if (this.#count === 0 || ++this.#sinceExact >= this.#span) {
      this.recompute(ring, Math.min(this.#count + 1, this.#span))
      return
    }
    if (this.#count < this.#span) this.#count++
    else if (this.#drop(ring)) {
      this.recompute(ring, this.#count)
      return
    }
    this.#squares += (ring.close(0) - ring.close(1)) ** 2
    if (this.#count > this.#horizon) {
      this.#absolute += Math.abs(ring.close(0) - ring.close(this.#horizon))
    }
  }

  recompute(ring: CloseRing, count: number): void {
    this.#count = count
    this.#sinceExact = 0
    this.#squares = 0
    this.#absolute = 0
    for (let age = count - 2; age >= 0; age--) {
      this.#squares += (ring.close(age) - ring.close(age + 1)) ** 2
    }
    for (let age = count - 1 - this.#horizon; age >= 0; age--) {
      this.#absolute += Math.abs(ring.close(age) - ring.close(age + this.#horizon))
    }
  }

  /** Mean square of the price's change per window. */
  variance(ring: CloseRing): number {
    if (this.#count < 2) return 0
    return Math.max(0, this.#squares) / (ring.position(0) - ring.position(this.#count - 1))
  }

  /**
   * Mean absolute change over `horizon` closes inside the lookback: the scale of MASE. Null while the
   * lookback holds no such pair, or the price did not move.
   */
  scale(): number | null {
    const pairs = this.#count - this.#horizon
    return pairs > 0 && this.#absolute > 0 ? this.#absolute / pairs : null
  }

  /** Mean change per window over the lookback: what the drift forecast continues. */
  meanStep(ring: CloseRing): number {
    const oldest = this.#count - 1
    if (oldest < 1) return 0
    return (ring.close(0) - ring.close(oldest)) / (ring.position(0) - ring.position(oldest))
  }

  /** True when next to nothing is left but rounding: a price that stopped moving. */
  #drop(ring: CloseRing): boolean {
    const oldest = ring.close(this.#span)
    const square = (ring.close(this.#span - 1) - oldest) ** 2
    this.#squares -= square
    if (this.#span <= this.#horizon) return this.#squares < 1e-9 * square
    const absolute = Math.abs(ring.close(this.#span - this.#horizon) - oldest)
    this.#absolute -= absolute
    return this.#squares < 1e-9 * square || this.#absolute < 1e-9 * absolute
  }

  state(): readonly number[] {
    return [this.#count, this.#squares, this.#absolute, this.#sinceExact]
  }

  restore([count = 0, squares = 0, absolute = 0, sinceExact = 0]: readonly number[]): void {
    this.#count = count
    this.#squares = squares
    this.#absolute = absolute
    this.#sinceExact = sinceExact
  }
}
