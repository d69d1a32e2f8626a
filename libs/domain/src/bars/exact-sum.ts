/** A stored sum: a number of units of 1e-8 where that is exact, otherwise units of 1e-24 as decimal digits. */
export type StoredSum = number | string

/** Fast lane: units of 1e-8 as a safe integer. */
const FAST_SCALE = 1e8
/** Slow lane: units of 1e-24 as a bigint. */
const SLOW_PER_FAST = 10n ** 16n
const MAX_SAFE = Number.MAX_SAFE_INTEGER
const DECIMALS = 24
/** Slow units in one of 1e-12. */
const SLOW_PER_FACTOR = 10n ** 12n

/** The template of new sums: V8 stores an array that never held anything but doubles unboxed. */
const ZEROS: readonly number[] = Array.from({ length: 16 }, () => 0.5).fill(0)

/**
 * Several sums of decimal numbers. They never round, so that the same terms give the same sum in any
 * order and any grouping. One array for all sums costs less than one object for each.
 *
 * A term is read as the shortest decimal that names the double, which is what the feed sent. Nearly
 * all terms fit the fast lane; the others, and overflow of the fast lane, go to the slow lane. A factor
 * with more than 12 decimals is rounded half up to 12.
 */
export class ExactSums {
  readonly #fast: number[]
  /** Undefined until a term needs it, then as long as #fast. */
  #slow: bigint[] | undefined

  /** @param count of sums, 16 at most */
  constructor(count: number) {
    this.#fast = ZEROS.slice(0, count)
  }

  /** Restores a stored sum. */
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

  /** Adds each sum of `other` to the sum at the same index. */
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

  /** The stored form. Equal values have equal forms, however the terms were grouped. */
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

/** A single exact sum; see ExactSums. */
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

/** A non-negative number in fast units; undefined when that is not an integer or too large. */
function fastUnits(value: number): number | undefined {
  const units = Math.round(value * FAST_SCALE)
  return units <= MAX_SAFE && units / FAST_SCALE === value ? units : undefined
}

/** A non-negative number in slow units, rounded half up to 12 decimals. */
function slowUnits(value: number): bigint {
  return twelveDecimals(value) * SLOW_PER_FACTOR
}

/** The product of two non-negative numbers in fast units; undefined when that is not an integer or too large. */
function fastProduct(price: number, size: number): number | undefined {
  return (
    product(price, 1e4, size, 1e4) ?? product(price, 1e2, size, 1e6) ?? product(price, 1e8, size, 1)
  )
}

/** The product of two non-negative numbers, each rounded half up to 12 decimals, in slow units. */
function slowProduct(price: number, size: number): bigint {
  return twelveDecimals(price) * twelveDecimals(size)
}

/** The double nearest to a number of slow units. */
function nearestDouble(units: bigint): number {
  const digits = units.toString().padStart(DECIMALS + 1, '0')
  return Number(`${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`)
}

/** The product in units of 1 / (scaleA x scaleB); undefined when that is not an integer or too large. */
function product(a: number, scaleA: number, b: number, scaleB: number): number | undefined {
  const unitsA = Math.round(a * scaleA)
  if (unitsA / scaleA !== a) return undefined
  const unitsB = Math.round(b * scaleB)
  if (unitsB / scaleB !== b) return undefined
  const units = unitsA * unitsB
  return units <= MAX_SAFE ? units : undefined
}

/** A non-negative double in units of 1e-12, read from its shortest decimal text. */
function twelveDecimals(value: number): bigint {
  const units = fastUnits(value)
  if (units !== undefined) return BigInt(units) * 10_000n
  const [mantissa = '', exponentText] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = Number(exponentText ?? 0) - fraction.length + 12
  const digits = BigInt(whole + fraction)
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return (digits + divisor / 2n) / divisor
}
