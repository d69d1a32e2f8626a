import { tradeId, type TradeRecord } from '@tapedeck/domain'
import { insertAll } from './bulk.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'

/** A cancel or correction of an earlier trade; `_id` as of a trade. It is stored and changes no bar. */
export interface AmendmentDocument {
  readonly _id: string
  readonly symbol: string
  readonly kind: 'cancel' | 'correction'
  /** The vendor's id of the trade; `vendorId` in trades. */
  readonly of: string
  readonly price: number | null
  readonly size: number | null
  readonly conditions: readonly string[] | null
  readonly amendedAt: Date
  readonly receivedAt: Date
  readonly feed: string
}

export const AMENDMENTS = new CollectionSpec<AmendmentDocument>('amendments', {
  writeConcern: DURABLE
})

/** The amendments of a record as they are stored. */
export function amendmentDocuments(record: TradeRecord): AmendmentDocument[] {
  const { symbol, connection, frame, receivedAt, feed, amendments = [] } = record
  return amendments.map(({ index, kind, of, by, t }) => ({
    _id: tradeId({ connection, frame, index }),
    symbol,
    kind,
    of,
    price: by?.p ?? null,
    size: by?.v ?? null,
    conditions: by?.c ?? null,
    amendedAt: new Date(t),
    receivedAt: new Date(receivedAt),
    feed
  }))
}

export async function insertAmendments(
  { amendments }: Has<'amendments', AmendmentDocument>,
  documents: readonly AmendmentDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store amendments', () => insertAll(amendments, documents))
}
