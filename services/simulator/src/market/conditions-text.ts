const KNOWN = new Map<string, string>()

/**
 * The conditions of a stock trade as JSON, in the order in which genuine frames have them: regular,
 * a special code, sweep (8), extended hours (24), odd lot (12). There are few: each is made once.
 */
export function conditionsText(
  isIso: boolean,
  isExtended: boolean,
  isOddLot: boolean,
  code = ''
): string {
  const key = `${isIso ? 'i' : ''}${isExtended ? 'e' : ''}${isOddLot ? 'o' : ''}${code}`
  const known = KNOWN.get(key)
  if (known !== undefined) return known
  const codes = ['1', code, isIso ? '8' : '', isExtended ? '24' : '', isOddLot ? '12' : '']
  const text = JSON.stringify(codes.filter((one) => one !== ''))
  KNOWN.set(key, text)
  return text
}
