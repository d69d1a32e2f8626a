import {
  FAST_SCALE,
  fastProduct,
  fastUnits,
  MAX_SAFE,
  nearestDouble,
  SLOW_PER_FAST,
  slowProduct,
  slowUnits
} from './exact-units.ts'

/**
 * A sum as stored: whole units of 1e-8 while that is all, else whole units of 1e-24 as decimal digits.
 */
export type StoredSum = number | string

/** Copied for new sums: an array that was never anything but doubles stays one, without boxes. */
const ZEROS: readonly number[] = Array.from({ length: 16 }, () => 0.5).fill(0)

/**
 * Sums of decimal numbers that never round, so that the same terms give the same sum in any order
 * and any grouping; several side by side, as one array costs less than an object each.
 *
 * Terms are read as the shortest decimal that names the double, which is what the feed wrote.
 * Nearly all fit the fast lane (one safe integer); the rest, and what overflows it, goes to a bigint.
 * Terms beyond 12 decimals a factor are rounded half up to 12.
 */
export class ExactSums {
  readonly #fast: number[]
  /** As long as the other once there is anything for it. */
  #slow: bigint[] | undefined

  /** @param count of sums, 16 at most */
  constructor(count: number) {
    this.#fast = ZEROS.slice(0, count)
  }

  /** Takes up a stored sum. */
  set(index: number, stored: StoredSum): void {
    this.#fast[index] = typeof stored === 'number' ? stored : 0
    if (typeof stored === 'string') this.#slowLane()[index] = BigInt(stored)
    else if (this.#slow !== undefined) this.#slow[index] = 0n
  }

  /** Adds a non-negative number. */
  add(index: number, value: number): void {
    const units = fastUnits(value)
    if (units === undefined) this.#addSlow(index, slowUnits(value))
    else this.#addFast(index, units)
  }

  /** Adds price x size, both non-negative, without rounding the product. */
  addProduct(index: number, price: number, size: number): void {
    const units = fastProduct(price, size)
    if (units === undefined) this.#addSlow(index, slowProduct(price, size))
    else this.#addFast(index, units)
  }

  /** Adds all of the other's, each to its counterpart. */
  merge(other: ExactSums): void {
    const fast = this.#fast
    const added = other.#fast
    for (let i = 0; i < fast.length; i++) {
      const sum = (fast[i] as number) + (added[i] as number)
      if (sum <= MAX_SAFE) fast[i] = sum
      else this.#addFast(i, added[i] as number)
    }
    other.#slow?.forEach((units, index) => {
      if (units !== 0n) this.#addSlow(index, units)
    })
  }

  /** The nearest double. */
  toNumber(index: number): number {
    const isFast = this.#slow === undefined || this.#slow[index] === 0n
    return isFast ? this.#fastOf(index) / FAST_SCALE : nearestDouble(this.units(index))
  }

  /** One form for one value, however the terms were grouped. */
  toStored(index: number): StoredSum {
    if (this.#slow === undefined || this.#slow[index] === 0n) return this.#fastOf(index)
    const units = this.units(index)
    const fast = units / SLOW_PER_FAST
    const isFast = fast <= BigInt(MAX_SAFE) && units % SLOW_PER_FAST === 0n
    return isFast ? Number(fast) : units.toString()
  }

  isZero(index: number): boolean {
    return this.#fast[index] === 0 && (this.#slow?.[index] ?? 0n) === 0n
  }

  /** The whole sum in units of 1e-24. */
  units(index: number): bigint {
    return BigInt(this.#fastOf(index)) * SLOW_PER_FAST + (this.#slow?.[index] ?? 0n)
  }

  #fastOf(index: number): number {
    return this.#fast[index] ?? 0
  }

  #addFast(index: number, units: number): void {
    const sum = this.#fastOf(index) + units
    if (sum > MAX_SAFE) {
      this.#addSlow(index, BigInt(this.#fastOf(index)) * SLOW_PER_FAST)
      this.#fast[index] = units
    } else this.#fast[index] = sum
  }

  #addSlow(index: number, units: bigint): void {
    const slow = this.#slowLane()
    slow[index] = (slow[index] ?? 0n) + units
  }

  #slowLane(): bigint[] {
    this.#slow ??= this.#fast.map(() => 0n)
    return this.#slow
  }
}

/** One sum on its own. */
export class ExactSum {
  readonly #sums = new ExactSums(1)

  set(stored: StoredSum): void {
    this.#sums.set(0, stored)
  }

  add(value: number): void {
    this.#sums.add(0, value)
  }

  addProduct(price: number, size: number): void {
    this.#sums.addProduct(0, price, size)
  }

  merge(other: ExactSum): void {
    this.#sums.merge(other.#sums)
  }

  toNumber(): number {
    return this.#sums.toNumber(0)
  }

  toStored(): StoredSum {
    return this.#sums.toStored(0)
  }

  /** The whole sum in units of 1e-24. */
  units(): bigint {
    return this.#sums.units(0)
  }
}
