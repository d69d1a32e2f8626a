/** Fast lane: whole units of 1e-8 as a safe integer. Slow lane: whole units of 1e-24 as a bigint. */
const FAST_SCALE = 1e8
const SLOW_PER_FAST = 10n ** 16n
const DECIMALS = 24
const MAX_SAFE = Number.MAX_SAFE_INTEGER

/**
 * A sum as stored: whole units of 1e-8 while that is all, else whole units of 1e-24 as decimal digits.
 */
export type StoredSum = number | string

/**
 * A sum of decimal numbers that never rounds, so that the same terms give the same sum in any order
 * and any grouping.
 *
 * Terms are read as the shortest decimal that names the double, which is what the feed wrote.
 * Nearly all fit the fast lane (one safe integer); the rest, and what overflows it, goes to a bigint.
 * Terms beyond 12 decimals a factor are rounded half up to 12.
 */
export class ExactSum {
  #fast = 0
  #slow = 0n

  /** Takes up a stored sum. */
  set(stored: StoredSum): void {
    this.#fast = typeof stored === 'number' ? stored : 0
    this.#slow = typeof stored === 'number' ? 0n : BigInt(stored)
  }

  /** Adds a non-negative number. */
  add(value: number): void {
    const units = Math.round(value * FAST_SCALE)
    if (units <= MAX_SAFE && units / FAST_SCALE === value) this.#addFast(units)
    else this.#slow += twelveDecimals(value) * 10n ** 12n
  }

  /** Adds price x size, both non-negative, without rounding the product. */
  addProduct(price: number, size: number): void {
    const units =
      product(price, 1e4, size, 1e4) ??
      product(price, 1e2, size, 1e6) ??
      product(price, 1e8, size, 1)
    if (units !== undefined) this.#addFast(units)
    else this.#slow += twelveDecimals(price) * twelveDecimals(size)
  }

  merge(other: ExactSum): void {
    this.#addFast(other.#fast)
    if (other.#slow !== 0n) this.#slow += other.#slow
  }

  /** The nearest double. */
  toNumber(): number {
    if (this.#slow === 0n) return this.#fast / FAST_SCALE
    const digits = this.units()
      .toString()
      .padStart(DECIMALS + 1, '0')
    return Number(`${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`)
  }

  /** One form for one value, however the terms were grouped. */
  toStored(): StoredSum {
    if (this.#slow === 0n) return this.#fast
    const units = this.units()
    const fast = units / SLOW_PER_FAST
    const isFast = fast <= BigInt(MAX_SAFE) && units % SLOW_PER_FAST === 0n
    return isFast ? Number(fast) : units.toString()
  }

  isZero(): boolean {
    return this.#fast === 0 && this.#slow === 0n
  }

  #addFast(units: number): void {
    const sum = this.#fast + units
    if (sum <= MAX_SAFE) {
      this.#fast = sum
      return
    }
    this.#slow += BigInt(this.#fast) * SLOW_PER_FAST
    this.#fast = units
  }

  /** The whole sum in units of 1e-24. */
  units(): bigint {
    return BigInt(this.#fast) * SLOW_PER_FAST + this.#slow
  }
}

/** The product in units of 1 / (scaleA x scaleB), or undefined when it is not whole or too large. */
function product(a: number, scaleA: number, b: number, scaleB: number): number | undefined {
  const unitsA = Math.round(a * scaleA)
  if (unitsA / scaleA !== a) return undefined
  const unitsB = Math.round(b * scaleB)
  if (unitsB / scaleB !== b) return undefined
  const units = unitsA * unitsB
  return units <= MAX_SAFE ? units : undefined
}

/** A non-negative double as whole units of 1e-12, through its shortest decimal text. */
function twelveDecimals(value: number): bigint {
  const units = Math.round(value * FAST_SCALE)
  if (units <= MAX_SAFE && units / FAST_SCALE === value) return BigInt(units) * 10_000n
  const [mantissa = '', exponentText] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = Number(exponentText ?? 0) - fraction.length + 12
  const digits = BigInt(whole + fraction)
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return (digits + divisor / 2n) / divisor
}
