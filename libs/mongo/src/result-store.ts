import type { Database } from './database.ts'
import { barBytes, tradeBytes } from './document-weights.ts'
import {
  COLLECTIONS,
  type BarDocument,
  type LateTradeDocument,
  type SymbolDocument,
  type TradeDocument
} from './documents.ts'
import type { AmendmentDocument } from './feed-documents.ts'
import { insertAll } from './bulk-write.ts'
import { translated } from './failure.ts'
import { storeDocuments, type Owner, type Writes } from './guarded-store.ts'

/** Inserts trades; answers how many were there already. */
export async function insertTrades(
  { trades }: Database,
  documents: readonly TradeDocument[]
): Promise<number> {
  if (documents.length === 0) return 0
  const present = await translated('Cannot store trades', () =>
    insertAll(trades, documents, tradeBytes)
  )
  return present.length
}

export async function insertLateTrades(
  { lateTrades }: Database,
  documents: readonly LateTradeDocument[]
): Promise<number> {
  if (documents.length === 0) return 0
  const present = await translated('Cannot store late trades', () =>
    insertAll(lateTrades, documents)
  )
  return present.length
}

export async function insertAmendments(
  { amendments }: Database,
  documents: readonly AmendmentDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store amendments', () => insertAll(amendments, documents))
}

/** Answers how many stored documents were newer and stayed. */
export async function storeBars(
  { db }: Database,
  owner: Owner,
  writes: Writes<BarDocument>
): Promise<number> {
  return storeDocuments(db.collection<BarDocument>(COLLECTIONS.bars), owner, writes, barBytes)
}

/** What was last seen of each symbol. */
export async function storeSymbols(
  { symbols }: Database,
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
