const SCALE = 12

/** A number as whole units of 1e-12, digit by digit from its text. */
export function decimalUnits(value: number): bigint {
  const text = String(value)
  const [whole = '0', fraction = ''] = (text.includes('e') ? value.toFixed(SCALE) : text).split('.')
  return BigInt(whole + fraction.slice(0, SCALE).padEnd(SCALE, '0'))
}

/** The double nearest to so many units of 10^-decimals: 12 for a sum, 24 for a sum of products. */
export function unitsToNumber(units: bigint, decimals: number): number {
  const digits = units.toString().padStart(decimals + 1, '0')
  return Number(`${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`)
}
