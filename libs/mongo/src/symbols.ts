import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { orNull, readable, shapeOf, type HasReport } from './shape.ts'

/** The last trade of a symbol; `_id` is the symbol. */
export interface SymbolDocument {
  readonly _id: string
  readonly feed: string
  readonly firstSeenAt: Date
  readonly lastPrice: number
  readonly lastTradeAt: Date
  readonly lastReceivedAt: Date
}

export const SYMBOLS = new CollectionSpec<SymbolDocument>('symbols', { writeConcern: DURABLE })

export type HasSymbols = Has<'symbols', SymbolDocument>

/** Stores the last trade of each symbol. */
export async function storeSymbols(
  { symbols }: HasSymbols,
  seen: readonly Omit<SymbolDocument, 'firstSeenAt'>[]
): Promise<void> {
  if (seen.length === 0) return
  const now = new Date()
  await translated('Cannot store symbols', () =>
    symbols.bulkWrite(
      seen.map(({ _id, ...fields }) => ({
        updateOne: {
          filter: { _id },
          update: { $set: fields, $setOnInsert: { firstSeenAt: now } },
          upsert: true
        }
      })),
      { ordered: false }
    )
  )
}

/** More symbols than this are not read. */
const MOST_SYMBOLS = 10_000

const SYMBOL_SHAPE = shapeOf({
  _id: 'text',
  feed: orNull('text'),
  firstSeenAt: orNull('date'),
  lastPrice: orNull('number'),
  lastTradeAt: orNull('date'),
  lastReceivedAt: orNull('date')
})

/** A symbol as it is read: a value that does not fit is null. */
export type KnownSymbol = { readonly [K in keyof SymbolDocument]: SymbolDocument[K] | null } & {
  readonly _id: string
}

/** Every symbol that ever had a trade. @throws DATABASE_UNREACHABLE */
export function findSymbols(
  { symbols, unreadable }: HasSymbols & HasReport,
  timeoutMs: number
): Promise<KnownSymbol[]> {
  return reading('symbols', timeoutMs, async () => {
    const found = await symbols.find({}, { timeoutMS: timeoutMs }).limit(MOST_SYMBOLS).toArray()
    return readable<KnownSymbol>('symbols', SYMBOL_SHAPE, found, { unreadable })
  })
}

/** A symbol that was added to or removed from SYMBOLS at run time; `_id` is the symbol. */
export interface SubscriptionDocument {
  readonly _id: string
  readonly wanted: boolean
  readonly by: string
  readonly at: Date
}

export const SUBSCRIPTIONS = new CollectionSpec<SubscriptionDocument>('subscriptions', {
  writeConcern: { w: 'majority' }
})

const SUBSCRIPTION_SHAPE = shapeOf({ _id: 'text', wanted: 'flag', at: 'date' })

type HasSubscriptions = Has<'subscriptions', SubscriptionDocument>

/** The symbols to follow: SYMBOLS with those that were added and removed at run time. */
export interface DesiredSymbols {
  /** SYMBOLS in its order without the removed ones, then the added ones, oldest first. */
  readonly symbols: readonly string[]
  /** The last ones of that order, which are more than the plan allows. */
  readonly overflow: readonly string[]
}

const READ_TIMEOUT_MS = 2500
/** A plan has thousands of symbols at most; each symbol removed from SYMBOLS has a document too. */
const MAX_SUBSCRIPTIONS = 20_000

/**
 * Applies subscriptions to the base list; pure. The order is stable: a symbol that is added again keeps its
 * place.
 * @param most how many symbols the plan allows
 */
export function mergeSymbols(
  base: readonly string[],
  subscriptions: readonly SubscriptionDocument[],
  most = Number.MAX_SAFE_INTEGER
): DesiredSymbols {
  const wanted = new Map(subscriptions.map((one) => [one._id, one.wanted]))
  const kept = base.filter((symbol) => wanted.get(symbol) !== false)
  const added = subscriptions
    .filter((one) => one.wanted && !base.includes(one._id))
    .toSorted((a, b) => a.at.getTime() - b.at.getTime() || (a._id < b._id ? -1 : 1))
    .map(({ _id }) => _id)
  const all = [...new Set([...kept, ...added])]
  return { symbols: all.slice(0, most), overflow: all.slice(most) }
}

/**
 * The symbols that the producer follows now.
 * @throws DATABASE_UNREACHABLE; the caller then keeps the list it has
 */
export async function desiredSymbols(
  database: HasSubscriptions & HasReport,
  base: readonly string[],
  most?: number
): Promise<DesiredSymbols> {
  return mergeSymbols(base, await readSubscriptions(database), most)
}

/** Every symbol that was ever added or removed at run time. @throws DATABASE_UNREACHABLE */
export function readSubscriptions(
  { subscriptions, unreadable }: HasSubscriptions & HasReport,
  timeoutMs = READ_TIMEOUT_MS
): Promise<readonly SubscriptionDocument[]> {
  return reading('subscriptions', timeoutMs, async () => {
    const found = await subscriptions
      .find({}, { timeoutMS: timeoutMs })
      .limit(MAX_SUBSCRIPTIONS)
      .toArray()
    return readable('subscriptions', SUBSCRIPTION_SHAPE, found, { unreadable })
  })
}

/**
 * Adds or removes symbols permanently. It replaces an earlier change of the same symbol, but a symbol that is
 * wanted already keeps its place.
 * @param by who made the change, for people who read the collection
 * @throws DATABASE_UNREACHABLE
 */
export async function setWanted(
  { subscriptions }: HasSubscriptions,
  symbols: readonly string[],
  wanted: boolean,
  by: string,
  timeoutMs = READ_TIMEOUT_MS
): Promise<void> {
  if (symbols.length === 0) return
  const nowMs = Date.now()
  await translated('Cannot store subscriptions', () =>
    subscriptions.bulkWrite(
      symbols.map((_id, index) => ({
        updateOne: {
          filter: { _id },
          // A millisecond apart, so that they keep the order of the request.
          update: [{ $set: unlessEqual({ wanted, by, at: new Date(nowMs + index) }) }],
          upsert: true
        }
      })),
      { ordered: true, timeoutMS: timeoutMs }
    )
  )
}

/** The stored fields where `wanted` does not change, otherwise the new ones. */
function unlessEqual(fields: Omit<SubscriptionDocument, '_id'>): object {
  const isEqual = { $eq: ['$wanted', fields.wanted] }
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      { $cond: [isEqual, `$${name}`, { $literal: value }] }
    ])
  )
}
