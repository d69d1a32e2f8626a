/** Decimals of a price or size; more than any tape has. */
export const FACTOR_DECIMALS = 40
/** Decimals of a sum, which may be one of products. */
export const SUM_DECIMALS = 2 * FACTOR_DECIMALS

const known = new Map<number, bigint>()

/**
 * A number as whole units of 10^-FACTOR_DECIMALS, from the digits of its text.
 * @throws RangeError when it is not finite or has more decimals
 */
export function decimalUnits(value: number): bigint {
  let units = known.get(value)
  if (units === undefined) {
    units = read(value)
    known.set(value, units)
  }
  return units
}

/** The double nearest to so many units of 10^-decimals. */
export function unitsToNumber(units: bigint, decimals: number): number {
  return Number(`${units}e-${decimals}`)
}

function read(value: number): bigint {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  if (whole === '') throw new RangeError(`Cannot sum ${value}, expected a finite number`)
  const shift = FACTOR_DECIMALS + Number(exponent) - fraction.length
  if (shift < 0) {
    throw new RangeError(`Cannot sum ${value}, expected ${FACTOR_DECIMALS} decimals at most`)
  }
  return BigInt(sign + whole + fraction) * 10n ** BigInt(shift)
}
