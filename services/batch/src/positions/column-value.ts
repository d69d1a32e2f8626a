import { isDate } from '../lake/config.ts'

/** A value as the database takes it, or in words why it does not fit. */
export type ColumnValue = { readonly value: string | null } | { readonly problem: string }

const MOST_BIGINT = 2n ** 63n
/** Digits that a number of JSON holds exactly. */
const EXACT_DIGITS = 15

/**
 * A value of JSON for a column of the database, exactly: nothing is rounded, cut or guessed. Decimals and large whole
 * numbers are texts; a number of JSON is taken while its digits are exact.
 * @param type as in `TableColumn`
 */
export function columnValue(type: string, found: unknown): ColumnValue {
  const [, kind = '', length = '', scale = ''] = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?$/.exec(type) ?? []
  if (kind === 'varchar') return textValue(Number(length), found)
  if (kind === 'decimal') return decimalValue(Number(length), Number(scale), found)
  if (kind === 'bigint') return wholeValue(found)
  if (kind === 'date') {
    return typeof found === 'string' && isDate(found)
      ? { value: found }
      : { problem: `${shown(found)} found, expected a date such as 2026-03-10` }
  }
  return timeValue(found)
}

function textValue(length: number, found: unknown): ColumnValue {
  const expected = `expected a text of 1 to ${length} characters without blanks at its ends`
  const fits =
    typeof found === 'string' &&
    found !== '' &&
    found.trim() === found &&
    found.isWellFormed() &&
    // The database counts characters, not halves of them.
    Array.from(found).length <= length
  return fits ? { value: found } : { problem: `${shown(found)} found, ${expected}` }
}

function decimalValue(digits: number, scale: number, found: unknown): ColumnValue {
  const expected = `expected a number with ${digits - scale} digits before and ${scale} after the point at most`
  const text = numberText(found)
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? '') ?? []
  const kept = fraction.replace(/0+$/, '')
  const before = whole.replace(/^0+(?=\d)/, '')
  if (whole === '' || kept.length > scale || before.replace(/^0$/, '').length > digits - scale) {
    const more = typeof found === 'number' ? '; a number of many digits is written as a text' : ''
    return { problem: `${shown(found)} found, ${expected}${more}` }
  }
  return { value: `${sign}${before}${kept === '' ? '' : `.${kept}`}` }
}

function wholeValue(found: unknown): ColumnValue {
  const text = numberText(found)
  if (text !== undefined && /^-?\d{1,19}$/.test(text)) {
    const value = BigInt(text)
    if (value >= -MOST_BIGINT && value < MOST_BIGINT) return { value: value.toString() }
  }
  return { problem: `${shown(found)} found, expected a whole number of 64 bits` }
}

function timeValue(found: unknown): ColumnValue {
  const [, day = '', time = '', fraction = ''] =
    (typeof found === 'string' ? /^(\S+)T(\d{2}:\d{2}:\d{2})(\.\d{1,6})?Z$/.exec(found) : null) ??
    []
  const isTime =
    isDate(day) && !Number.isNaN(Date.parse(`${day}T${time}Z`)) && !time.startsWith('24')
  return isTime && day > '1970-01-01' && day < '2038-01-19'
    ? { value: `${day} ${time}${fraction}` }
    : { problem: `${shown(found)} found, expected a time such as 2026-03-10T14:30:00Z` }
}

/** The digits of a number; undefined for what is none, and for a number of JSON whose digits may not be exact. */
function numberText(found: unknown): string | undefined {
  if (typeof found === 'string') return found
  if (typeof found !== 'number' || !Number.isFinite(found)) return undefined
  const text = String(found)
  const digits = text.replace(/^-?0*\.?0*/, '').replace('.', '')
  return text.includes('e') || digits.length > EXACT_DIGITS ? undefined : text
}

function shown(found: unknown): string {
  if (found === undefined) return 'nothing'
  const text = JSON.stringify(found)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
