import type { Database } from './database.ts'
import type { LeaseDocument } from './feed-documents.ts'
import { translated } from './failure.ts'

/** Yours, or whose it is. */
export type LeaseAnswer =
  | { readonly isMine: true; readonly before: LeaseDocument | null }
  | {
      readonly isMine: false
      readonly owner: string
      readonly since: Date | undefined
      readonly expiresAt: Date
    }

/** Kept in the lease for whoever comes next; what is not given stays as it was noted. */
export interface LeaseNote extends Partial<Pick<LeaseDocument, 'followed' | 'open'>> {
  /** Receive time of the last frame, epoch ms; null counts as not given. */
  readonly lastFrameMs?: number | null
}

/**
 * Takes or keeps a lease for `ttlMs`. It is free when nobody has it, when it has expired by the
 * database's clock, or when it is the caller's own. One writer wins.
 * @throws DATABASE_UNREACHABLE
 */
export async function holdLease(
  { leases }: Database,
  id: string,
  owner: string,
  ttlMs: number,
  note: LeaseNote = {}
): Promise<LeaseAnswer> {
  return translated('Cannot hold the lease', async () => {
    // A lease that never was begins expired, so that one and the same update takes it.
    await leases.updateOne(
      { _id: id },
      { $setOnInsert: { owner: '', expiresAt: new Date(0), lastFrameAt: null } },
      { upsert: true }
    )
    const isKept = { $and: [{ $eq: ['$owner', owner] }, { $gte: ['$expiresAt', '$$NOW'] }] }
    const before = await leases.findOneAndUpdate(
      { _id: id, $or: [{ owner }, { $expr: { $lt: ['$expiresAt', '$$NOW'] } }] },
      [
        {
          $set: {
            owner,
            since: { $cond: [isKept, { $ifNull: ['$since', '$$NOW'] }, '$$NOW'] },
            expiresAt: { $add: ['$$NOW', ttlMs] },
            ...literally(fieldsOf(note))
          }
        }
      ],
      { returnDocument: 'before', writeConcern: { journal: true } }
    )
    if (before !== null) return { isMine: true, before }
    const holder = await leases.findOne({ _id: id })
    return {
      isMine: false,
      owner: holder?.owner ?? 'somebody',
      since: holder?.since,
      expiresAt: holder?.expiresAt ?? new Date(0)
    }
  })
}

/** Gives the lease back, so that the next one need not wait; what is noted stays. */
export async function releaseLease(
  { leases }: Database,
  id: string,
  owner: string,
  note: LeaseNote = {}
): Promise<void> {
  await translated('Cannot release the lease', () =>
    leases.updateOne({ _id: id, owner }, { $set: { expiresAt: new Date(0), ...fieldsOf(note) } })
  )
}

function fieldsOf({ lastFrameMs, ...fields }: LeaseNote): Partial<LeaseDocument> {
  if (lastFrameMs === undefined || lastFrameMs === null) return fields
  return { ...fields, lastFrameAt: new Date(lastFrameMs) }
}

/** Values as they are: an update by a pipeline would take a text with a dollar for a field. */
function literally(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { $literal: value as unknown }])
  )
}
