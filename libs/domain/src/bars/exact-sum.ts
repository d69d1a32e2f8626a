/**
 * A stored sum: a number of units of 1e-8 when that is exact, else units of 1e-24 as decimal digits, else the
 * digits with their exponent, such as `5e-30`.
 */
export type StoredSum = number | string

/** An exact decimal: digits x 10^-decimals. */
export interface Decimal {
  readonly digits: bigint
  /** Not negative. */
  readonly decimals: number
}

/** Fast lane: units of 1e-8 as a safe integer. */
const FAST_SCALE = 1e8
const FAST_DECIMALS = 8
/** Slow lane: bigints in units of 1e-24, or of less once a term has more decimals. */
const SLOW_DECIMALS = 24
const MAX_SAFE = Number.MAX_SAFE_INTEGER

/** The template of new sums: V8 stores an array that never held anything but doubles unboxed. */
const ZEROS: readonly number[] = Array.from({ length: 16 }, () => 0.5).fill(0)

/**
 * Several sums of decimal numbers. They never round, so that the same terms give the same sum in any
 * order and any grouping. One array for all sums costs less than one object for each.
 *
 * A term is read as the shortest decimal that names the double, which is what the feed sent. Nearly
 * all terms fit the fast lane; the others, and overflow of the fast lane, go to the slow lane, which takes
 * every finite double.
 */
export class ExactSums {
  readonly #fast: number[]
  /** Undefined until a term needs it, then as long as #fast. */
  #slow: bigint[] | undefined
  /** Decimals of the slow lane: a slow unit is 10^-#decimals. */
  #decimals = SLOW_DECIMALS

  /** @param count of sums, 16 at most */
  constructor(count: number) {
    this.#fast = ZEROS.slice(0, count)
  }

  /** Restores a stored sum. */
  set(index: number, stored: StoredSum): void {
    this.#fast[index] = typeof stored === 'number' ? stored : 0
    if (this.#slow !== undefined) this.#slow[index] = 0n
    if (typeof stored === 'number') return
    const [digits = '0', decimals = SLOW_DECIMALS] = stored.split('e-')
    this.#addSlow(index, { digits: BigInt(digits), decimals: Number(decimals) })
  }

  /** Adds a finite non-negative number. */
  add(index: number, value: number): void {
    const units = fastUnits(value)
    if (units === undefined) this.#addSlow(index, decimalOf(value))
    else this.#addFast(index, units)
  }

  /** Adds price x size, both finite and non-negative, without rounding the product. */
  addProduct(index: number, price: number, size: number): void {
    const units = fastProduct(price, size)
    if (units === undefined) this.#addSlow(index, productOf(decimalOf(price), decimalOf(size)))
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
    other.#slow?.forEach((digits, index) => {
      if (digits !== 0n) this.#addSlow(index, { digits, decimals: other.#decimals })
    })
  }

  /** The nearest double. */
  toNumber(index: number): number {
    const isFast = this.#slow === undefined || this.#slow[index] === 0n
    return isFast ? this.#fastOf(index) / FAST_SCALE : nearestDouble(this.exact(index))
  }

  /** The stored form. Equal values have equal forms, however the terms were grouped. */
  toStored(index: number): StoredSum {
    if (this.#slow === undefined || this.#slow[index] === 0n) return this.#fastOf(index)
    const { digits, decimals } = this.exact(index)
    if (decimals > SLOW_DECIMALS) return `${digits}e-${decimals}`
    const perFast = powerOfTen(SLOW_DECIMALS - FAST_DECIMALS)
    const fast = digits / perFast
    const isFast = fast <= BigInt(MAX_SAFE) && digits % perFast === 0n
    return isFast ? Number(fast) : digits.toString()
  }

  isZero(index: number): boolean {
    return this.#fast[index] === 0 && (this.#slow?.[index] ?? 0n) === 0n
  }

  /** The whole sum: in units of 1e-24 if that is exact, else with as many decimals as it has. */
  exact(index: number): Decimal {
    const fast = BigInt(this.#fastOf(index)) * powerOfTen(this.#decimals - FAST_DECIMALS)
    let digits = fast + (this.#slow?.[index] ?? 0n)
    let decimals = this.#decimals
    while (decimals > SLOW_DECIMALS && digits % 10n === 0n) {
      digits /= 10n
      decimals--
    }
    return { digits, decimals }
  }

  #fastOf(index: number): number {
    return this.#fast[index] ?? 0
  }

  #addFast(index: number, units: number): void {
    const sum = this.#fastOf(index) + units
    if (sum > MAX_SAFE) {
      this.#addSlow(index, { digits: BigInt(this.#fastOf(index)), decimals: FAST_DECIMALS })
      this.#fast[index] = units
    } else this.#fast[index] = sum
  }

  #addSlow(index: number, { digits, decimals }: Decimal): void {
    const slow = this.#slowLane(decimals)
    slow[index] = (slow[index] ?? 0n) + digits * powerOfTen(this.#decimals - decimals)
  }

  /** The slow lane, with at least so many decimals. */
  #slowLane(decimals: number): bigint[] {
    this.#slow ??= this.#fast.map(() => 0n)
    if (decimals > this.#decimals) {
      const factor = powerOfTen(decimals - this.#decimals)
      this.#slow = this.#slow.map((units) => units * factor)
      this.#decimals = decimals
    }
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

  /** The whole sum; see ExactSums. */
  exact(): Decimal {
    return this.#sums.exact(0)
  }
}

/** A non-negative number in fast units; undefined when that is not an integer or too large. */
function fastUnits(value: number): number | undefined {
  const units = Math.round(value * FAST_SCALE)
  return units <= MAX_SAFE && units / FAST_SCALE === value ? units : undefined
}

/** The product of two non-negative numbers in fast units; undefined when that is not an integer or too large. */
function fastProduct(price: number, size: number): number | undefined {
  return (
    product(price, 1e4, size, 1e4) ?? product(price, 1e2, size, 1e6) ?? product(price, 1e8, size, 1)
  )
}

/** The double nearest to a decimal. */
export function nearestDouble({ digits, decimals }: Decimal): number {
  return Number(`${digits}e-${decimals}`)
}

function productOf(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, decimals: a.decimals + b.decimals }
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

/** A finite non-negative double as the shortest decimal that names it. */
function decimalOf(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = BigInt(whole + fraction)
  const decimals = fraction.length - Number(exponent)
  return decimals >= 0
    ? { digits, decimals }
    : { digits: digits * powerOfTen(-decimals), decimals: 0 }
}

const powers: bigint[] = []

/** 10^exponent, for a whole exponent of at least 0. */
function powerOfTen(exponent: number): bigint {
  return (powers[exponent] ??= 10n ** BigInt(exponent))
}
