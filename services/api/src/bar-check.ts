import {
  BAR_FIELDS,
  CONDITION_TABLE_VERSION,
  type BarAccumulator,
  type BarFieldKind,
  type BarFields
} from '@tapedeck/domain'

/** One value of a bar beside the same value recomputed from its trades. */
interface CheckedField {
  readonly field: string
  readonly bar: number | null
  readonly trades: number | null
  readonly isEqual: boolean
}

/** Whether the listed trades give the stored bar. */
export interface BarCheck {
  readonly isEqual: boolean
  readonly text: string
  readonly fields: readonly CheckedField[]
}

/** Returns are not compared: they follow from the prices. */
const CHECKED_KINDS: readonly BarFieldKind[] = ['price', 'amount', 'count', 'time']

/** Compares a bar with the accumulator of its trades, digit by digit; pure. */
export function checkOf(bar: BarFields, accumulator: BarAccumulator): BarCheck {
  const fields: CheckedField[] = []
  for (const [field, { origin, kind, sumInTapeOrder, of }] of Object.entries(BAR_FIELDS)) {
    // Values of the tape order need the trades before the window.
    if (origin !== 'trades' || sumInTapeOrder !== undefined || !CHECKED_KINDS.includes(kind))
      continue
    const stored = numberOf(bar[field as keyof BarFields])
    const counted = numberOf(of({ accumulator }))
    fields.push({ field, bar: stored, trades: counted, isEqual: stored === counted })
  }
  const isEqual = fields.every((one) => one.isEqual)
  return { isEqual, text: textOf(bar, fields, isEqual), fields }
}

/** Times in epoch ms; null for the time of a trade that does not exist. */
function numberOf(value: unknown): number | null {
  const number = value instanceof Date ? value.getTime() : value
  return typeof number === 'number' && !Number.isNaN(number) ? number : null
}

function textOf(bar: BarFields, fields: readonly CheckedField[], isEqual: boolean): string {
  if (isEqual) return `these ${bar.tradeCount} trades give exactly this bar`
  const found = fields.find(({ field }) => field === 'tradeCount')?.trades ?? 0
  if (bar.status === 'provisional') {
    return 'not equal at this moment, which is normal: the bar is provisional and is stored a moment after its trades'
  }
  if (found < bar.tradeCount) {
    return `only ${found} of the bar's ${bar.tradeCount} trades are stored: older ones may have been removed (TRADES_TTL)`
  }
  if (bar.conditionVersion !== CONDITION_TABLE_VERSION) {
    return `the bar was made by version ${bar.conditionVersion} of the condition table, these trades are evaluated by version ${CONDITION_TABLE_VERSION}`
  }
  const other = fields.filter((one) => !one.isEqual).map(({ field }) => field)
  return `the stored trades give another bar: ${other.join(', ')}`
}
