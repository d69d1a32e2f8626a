import type { Database } from './database.ts'
import type { SubscriptionDocument } from './feed-documents.ts'
import { translated } from './failure.ts'
import { reading } from './reading.ts'

/** What is to be followed: SYMBOLS, with what was added and removed while running. */
export interface DesiredSymbols {
  /** SYMBOLS in its order without the removed ones, then the added ones, oldest first. */
  readonly symbols: readonly string[]
  /** Wanted, but more than the plan allows: the last ones of that order. */
  readonly overflow: readonly string[]
}

const READ_TIMEOUT_MS = 2500
/** A plan has thousands at most; a removed symbol of SYMBOLS leaves a document too. */
const MAX_SUBSCRIPTIONS = 20_000

/**
 * The base list with the subscriptions over it; pure. The order is stable: a symbol keeps its place
 * however often it is asked for again.
 * @param most what the plan allows
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
 * What the producer is to follow now.
 * @throws DATABASE_UNREACHABLE: the list known before stays the best there is
 */
export async function desiredSymbols(
  database: Database,
  base: readonly string[],
  most?: number
): Promise<DesiredSymbols> {
  return mergeSymbols(base, await readSubscriptions(database), most)
}

/** Every symbol that was ever added or removed while running. @throws DATABASE_UNREACHABLE */
export function readSubscriptions(
  { subscriptions }: Database,
  timeoutMs = READ_TIMEOUT_MS
): Promise<readonly SubscriptionDocument[]> {
  return reading('subscriptions', timeoutMs, () =>
    subscriptions.find({}, { timeoutMS: timeoutMs }).limit(MAX_SUBSCRIPTIONS).toArray()
  )
}

/**
 * Adds or removes symbols; they stay so over a restart. What was said before of the same symbol is
 * replaced, but a symbol that is wanted already keeps its place.
 * @param by who asked, for people who look into the collection
 * @throws DATABASE_UNREACHABLE
 */
export async function setWanted(
  { subscriptions }: Database,
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
          // A millisecond apart, so that they keep the order in which they were asked for.
          update: [{ $set: unlessSaid({ wanted, by, at: new Date(nowMs + index) }) }],
          upsert: true
        }
      })),
      { ordered: true, timeoutMS: timeoutMs, writeConcern: { w: 'majority' } }
    )
  )
}

/** The fields as they stand where `wanted` is what it was, else the new ones. */
function unlessSaid(fields: Omit<SubscriptionDocument, '_id'>): object {
  const isSaid = { $eq: ['$wanted', fields.wanted] }
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      { $cond: [isSaid, `$${name}`, { $literal: value }] }
    ])
  )
}
