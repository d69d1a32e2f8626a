import { CONDITION_TABLE_VERSION, type BarAccumulator } from '@tapedeck/domain'
import type { BarRow } from '@tapedeck/mongo'

/** One value of a bar beside the same value counted anew. */
export interface CheckedField {
  readonly field: string
  readonly bar: number | null
  readonly trades: number | null
  readonly isEqual: boolean
}

/** Whether the trades that are listed give the bar that is stored. */
export interface BarCheck {
  readonly isEqual: boolean
  readonly text: string
  readonly fields: readonly CheckedField[]
}

/** Compares a bar with the accumulator of its trades, digit by digit; pure. */
export function checkOf(bar: BarRow, accumulator: BarAccumulator): BarCheck {
  const isEmpty = accumulator.tradeCount === 0
  const values: readonly (readonly [string, number | null, number | null])[] = [
    ['open', bar.open, accumulator.open],
    ['high', bar.high, accumulator.high],
    ['low', bar.low, accumulator.low],
    ['close', bar.close, accumulator.close],
    ['volume', bar.volume, accumulator.volume],
    ['notional', bar.notional, accumulator.notional],
    ['vwap', bar.vwap, accumulator.vwap],
    ['meanPrice', bar.meanPrice, accumulator.meanPrice],
    ['sdPrice', bar.sdPrice, accumulator.sdPrice],
    ['tradeCount', bar.tradeCount, accumulator.tradeCount],
    ['firstTradeAt', bar.firstTradeAt.getTime(), isEmpty ? null : accumulator.firstTradeMs],
    ['lastTradeAt', bar.lastTradeAt.getTime(), isEmpty ? null : accumulator.lastTradeMs]
  ]
  const fields = values.map(([field, stored, counted]) => ({
    field,
    bar: stored,
    trades: counted,
    isEqual: stored === counted
  }))
  const isEqual = fields.every((one) => one.isEqual)
  return { isEqual, text: textOf(bar, fields, isEqual), fields }
}

function textOf(bar: BarRow, fields: readonly CheckedField[], isEqual: boolean): string {
  if (isEqual) return `these ${bar.tradeCount} trades give exactly this bar`
  const found = fields.find(({ field }) => field === 'tradeCount')?.trades ?? 0
  if (bar.status === 'provisional') {
    return 'not equal at this moment, which is normal: the bar is provisional, and its trades are stored a moment before it'
  }
  if (found < bar.tradeCount) {
    return `only ${found} of the bar's ${bar.tradeCount} trades are stored: older ones may have been removed (TRADES_TTL)`
  }
  if (bar.conditionVersion !== CONDITION_TABLE_VERSION) {
    return `the bar was made by version ${bar.conditionVersion} of the condition table, these trades are judged by version ${CONDITION_TABLE_VERSION}`
  }
  const other = fields.filter((one) => !one.isEqual).map(({ field }) => field)
  return `the trades that are stored give another bar: ${other.join(', ')}`
}
