import type { Database } from './database.ts'
import type { LeaseDocument } from './feed-documents.ts'
import { translated } from './failure.ts'

/** Yours, or whose it is. */
export type LeaseAnswer =
  | { readonly isMine: true; readonly before: LeaseDocument | null }
  | { readonly isMine: false; readonly owner: string; readonly expiresAt: Date }

/**
 * Takes or keeps the lease of a feed key for `ttlMs`. It is free when nobody has it, when it has
 * expired by the database's clock, or when it is the caller's own. One writer wins.
 *
 * @param lastFrameMs receive time of the last frame, kept for whoever comes next
 */
export async function holdLease(
  { leases }: Database,
  id: string,
  owner: string,
  ttlMs: number,
  lastFrameMs: number | null
): Promise<LeaseAnswer> {
  return translated('Cannot hold the lease', async () => {
    // A lease that never was begins expired, so that one and the same update takes it.
    await leases.updateOne(
      { _id: id },
      { $setOnInsert: { owner: '', expiresAt: new Date(0), lastFrameAt: null } },
      { upsert: true }
    )
    const before = await leases.findOneAndUpdate(
      { _id: id, $or: [{ owner }, { $expr: { $lt: ['$expiresAt', '$$NOW'] } }] },
      [
        {
          $set: {
            owner,
            expiresAt: { $add: ['$$NOW', ttlMs] },
            ...(lastFrameMs !== null && { lastFrameAt: new Date(lastFrameMs) })
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
      expiresAt: holder?.expiresAt ?? new Date(0)
    }
  })
}

/** Gives the lease back, so that the next one need not wait; the last frame stays noted. */
export async function releaseLease(
  { leases }: Database,
  id: string,
  owner: string,
  lastFrameMs: number | null
): Promise<void> {
  await translated('Cannot release the lease', () =>
    leases.updateOne(
      { _id: id, owner },
      {
        $set: {
          expiresAt: new Date(0),
          ...(lastFrameMs !== null && { lastFrameAt: new Date(lastFrameMs) })
        }
      }
    )
  )
}
