/** Fast lane: whole units of 1e-8 as a safe integer. */
export const FAST_SCALE = 1e8
/** Slow lane: whole units of 1e-24 as a bigint. */
export const SLOW_PER_FAST = 10n ** 16n
export const MAX_SAFE = Number.MAX_SAFE_INTEGER
const DECIMALS = 24
/** Slow units in one of 1e-12. */
const SLOW_PER_FACTOR = 10n ** 12n

/** A non-negative number in fast units; undefined when it is not whole or too large. */
export function fastUnits(value: number): number | undefined {
  const units = Math.round(value * FAST_SCALE)
  return units <= MAX_SAFE && units / FAST_SCALE === value ? units : undefined
}

/** A non-negative number in slow units, rounded half up to 12 decimals. */
export function slowUnits(value: number): bigint {
  return twelveDecimals(value) * SLOW_PER_FACTOR
}

/** The product of two non-negative numbers in fast units; undefined when it is not whole or too large. */
export function fastProduct(price: number, size: number): number | undefined {
  return (
    product(price, 1e4, size, 1e4) ?? product(price, 1e2, size, 1e6) ?? product(price, 1e8, size, 1)
  )
}

/** The product of two non-negative numbers, each rounded half up to 12 decimals, in slow units. */
export function slowProduct(price: number, size: number): bigint {
  return twelveDecimals(price) * twelveDecimals(size)
}

/** The double nearest to so many slow units. */
export function nearestDouble(units: bigint): number {
  const digits = units.toString().padStart(DECIMALS + 1, '0')
  return Number(`${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`)
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
