import {
  BAR_FIELDS,
  BAR_ROW,
  objectMaker,
  type BarFieldKind,
  type BarFields,
  type FilledBar
} from '@tapedeck/domain'
import type { TradeDocument } from './trades.ts'

/** A field of a row: what it is, the field of the document that it needs, and its value. */
interface RowField<Stored, T> {
  readonly kind: 'text' | 'texts' | 'time' | 'number' | 'whole' | 'flag'
  readonly isNullable: boolean
  readonly needs: keyof Stored
  readonly of: (stored: Stored) => T
}

function trade<T>(
  kind: RowField<TradeDocument, T>['kind'],
  needs: keyof TradeDocument,
  of: (stored: TradeDocument) => T,
  isNullable = false
): RowField<TradeDocument, T> {
  return { kind, isNullable, needs, of }
}

/** The fields of a trade as the api and exports have it, in order; times are epoch ms. */
export const TRADE_FIELDS = {
  id: trade('text', '_id', (one) => one._id),
  symbol: trade('text', 'symbol', (one) => one.symbol),
  time: trade('time', 'tradedAt', (one) => one.tradedAt.getTime()),
  tradedAt: trade('text', 'tradedAt', (one) => one.tradedAt.toISOString()),
  price: trade('number', 'price', (one) => one.price),
  size: trade('number', 'size', (one) => one.size),
  // Trades that were stored before these two fields existed have none.
  conditions: trade('texts', 'conditions', (one) => one.conditions ?? null, true),
  session: trade('text', 'session', (one) => one.session),
  tradeDate: trade('text', 'tradeDate', (one) => one.tradeDate),
  eligible: trade('text', 'eligible', (one): string | null => one.eligible ?? null, true),
  receivedAt: trade('time', 'receivedAt', (one) => one.receivedAt.getTime()),
  feed: trade('text', 'feed', (one) => one.feed)
} as const

/** What the fields of a trade's row are, in order. */
export const TRADE_COLUMNS = Object.entries(TRADE_FIELDS).map(([name, { kind, isNullable }]) => ({
  name,
  kind,
  isNullable
}))

type TradeFields = typeof TRADE_FIELDS
type TradeRow = { readonly [Name in keyof TradeFields]: ReturnType<TradeFields[Name]['of']> }

/** A function that makes rows of trades with these fields. */
export function tradeRowMaker(
  names: readonly string[]
): (stored: TradeDocument) => Record<string, unknown> {
  const fields: Readonly<Record<string, RowField<TradeDocument, unknown>>> = TRADE_FIELDS
  return objectMaker<[TradeDocument], Record<string, unknown>>(
    Object.fromEntries(
      names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name].of]]))
    )
  )
}

/** A trade as the api returns it. */
export const tradeRow = tradeRowMaker(Object.keys(TRADE_FIELDS)) as unknown as (
  stored: TradeDocument
) => TradeRow

const KINDS: Readonly<Record<BarFieldKind, RowField<BarFields, unknown>['kind']>> = {
  text: 'text',
  texts: 'texts',
  time: 'time',
  price: 'number',
  amount: 'number',
  ratio: 'number',
  count: 'whole',
  flag: 'flag',
  'bar status': 'text'
}

/** Fields that bars lack which were stored before the fields existed; unknown is not zero. */
const MISSING = Object.fromEntries(
  Object.entries(BAR_FIELDS)
    .filter(([, { isNullable, kind }]) => isNullable === true || kind === 'texts')
    .map(([name, { kind }]) => [name, kind === 'texts' ? [] : null])
)

/** A stored bar with the fields that did not exist when it was stored. */
export function completeBar(stored: BarFields): BarFields {
  return { ...MISSING, ...stored }
}

/** What the fields of a bar's row are, in order, by the names that rows have. */
export const BAR_COLUMNS = Object.entries(BAR_FIELDS).map(([name, field]) => {
  const { row, kind, isNullable } = { row: name, isNullable: false, ...field }
  return { name: row, kind: KINDS[kind], isNullable }
})

const makeRow = objectMaker(BAR_ROW)

/** A bar as the api returns it; `time` is the start of its window. */
export function barRow(stored: BarFields): Record<string, unknown> {
  return makeRow(completeBar(stored))
}

/** Null in a row of a window without a trade. */
const OF_TRADES: readonly string[] = ['firstTradeAt', 'lastTradeAt']

/** The columns of bars among which windows without a trade have rows. */
export const FILLED_BAR_COLUMNS = [
  ...BAR_COLUMNS.map((column) =>
    OF_TRADES.includes(column.name) ? { ...column, isNullable: true } : column
  ),
  { name: 'filled', kind: 'flag', isNullable: false } as const
]

/** The row of a bar, or of a window without a trade. */
export function filledBarRow(bar: BarFields | FilledBar): Record<string, unknown> {
  const filled = 'filled' in bar
  return { ...barRow(bar), ...(filled && { firstTradeAt: null, lastTradeAt: null }), filled }
}
