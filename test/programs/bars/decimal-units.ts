/** Decimals kept of a price or size; a product has twice as many. */
const DECIMALS = 12
const HALF_UP = 5

const known = new Map<number, bigint>()

/** A number as whole units of 1e-12, from the digits of its text, rounded half up. */
export function decimalUnits(value: number): bigint {
  let units = known.get(value)
  if (units === undefined) {
    units = read(value)
    known.set(value, units)
  }
  return units
}

/** The double nearest to so many units of 10^-decimals: 12 for a sum, 24 for a sum of products. */
export function unitsToNumber(units: bigint, decimals: number): number {
  return Number(`${units}e-${decimals}`)
}

function read(value: number): bigint {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  if (whole === '') throw new RangeError(`Cannot sum ${value}, expected a finite number`)
  const digits = BigInt(sign + whole + fraction)
  const shift = DECIMALS + Number(exponent) - fraction.length
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  return (digits / 10n ** BigInt(-shift - 1) + BigInt(HALF_UP)) / 10n
}
