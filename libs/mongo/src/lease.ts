import { hasEnded, type LocatedProcess } from '@tapedeck/core'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'
import { refuseNewer, STATE_VERSION, type Versioned } from './state-version.ts'

/**
 * The right to do what only one process may do at a time, such as using a feed's key; `_id` names it (a key
 * by its hash). A producer leaves the fields from `lastFrameAt` on for its successor.
 */
export interface LeaseDocument extends Versioned {
  readonly _id: string
  readonly owner: string
  readonly process?: LeaseProcess
  /** Since when its owner has held it without a break. */
  readonly since?: Date
  readonly expiresAt: Date
  /** Receive time of the last frame that its owner saw. */
  readonly lastFrameAt: Date | null
  /** The symbols it followed: until then (null), or until it gave them up. */
  readonly followed?: readonly { readonly symbol: string; readonly until: Date | null }[]
  /** The outage that was still open; the fields are those of feed_gaps. */
  readonly open?: {
    readonly id: string
    readonly from: Date | null
    readonly cause: string
    readonly symbols: readonly string[]
  } | null
}

/** An owner and its process, whose end others on its machine can see. */
export interface LeaseProcess extends LocatedProcess {
  readonly owner: string
}

export const LEASES = new CollectionSpec<LeaseDocument>('leases', { writeConcern: DURABLE })

type HasLeases = Has<'leases', LeaseDocument>

/** Whether the caller has the lease, and who has it otherwise. */
export type LeaseAnswer =
  | { readonly isMine: true; readonly before: LeaseDocument | null }
  | {
      readonly isMine: false
      readonly owner: string
      readonly process: LeaseProcess | undefined
      readonly since: Date | undefined
      readonly expiresAt: Date
    }

/** Facts that the lease keeps for others and the next owner; a missing field does not change. */
export interface LeaseNote extends Partial<Pick<LeaseDocument, 'process' | 'followed' | 'open'>> {
  /** Receive time of the last frame, epoch ms; null counts as missing. */
  readonly lastFrameMs?: number | null
}

/**
 * Acquires or renews a lease for `ttlMs`. A lease can be acquired when nobody has it, when it has expired by
 * the database's clock, when its owner's process is seen to have ended, or when the caller has it already. One
 * writer wins.
 * @throws DATABASE_UNREACHABLE, STATE_TOO_NEW
 */
export async function holdLease(
  database: HasLeases,
  id: string,
  owner: string,
  ttlMs: number,
  note: LeaseNote = {}
): Promise<LeaseAnswer> {
  const answer = await tryToHold(database, id, owner, ttlMs, note)
  if (answer.isMine || answer.process === undefined) return answer
  if (!(await hasEnded(answer.process))) return answer
  await releaseLease(database, id, answer.owner)
  return tryToHold(database, id, owner, ttlMs, note)
}

async function tryToHold(
  { leases }: HasLeases,
  id: string,
  owner: string,
  ttlMs: number,
  note: LeaseNote
): Promise<LeaseAnswer> {
  return translated('Cannot hold the lease', async () => {
    const stateVersion = STATE_VERSION
    // A new lease begins expired, so that the same update acquires it.
    await leases.updateOne(
      { _id: id },
      { $setOnInsert: { stateVersion, owner: '', expiresAt: new Date(0), lastFrameAt: null } },
      { upsert: true }
    )
    const isKept = { $and: [{ $eq: ['$owner', owner] }, { $gte: ['$expiresAt', '$$NOW'] }] }
    const before = await leases.findOneAndUpdate(
      {
        _id: id,
        stateVersion: { $not: { $gt: STATE_VERSION } },
        $or: [{ owner }, { $expr: { $lt: ['$expiresAt', '$$NOW'] } }]
      },
      [
        {
          $set: {
            stateVersion,
            owner,
            since: { $cond: [isKept, { $ifNull: ['$since', '$$NOW'] }, '$$NOW'] },
            expiresAt: { $add: ['$$NOW', ttlMs] },
            ...literally(fieldsOf(note))
          }
        }
      ],
      { returnDocument: 'before' }
    )
    if (before !== null) return { isMine: true, before }
    const holder = await leases.findOne({ _id: id })
    refuseNewer(`lease ${id}`, holder)
    return {
      isMine: false,
      owner: holder?.owner ?? 'somebody',
      // A later owner of an earlier version leaves the field as it was.
      process: holder?.process?.owner === holder?.owner ? holder?.process : undefined,
      since: holder?.since,
      expiresAt: holder?.expiresAt ?? new Date(0)
    }
  })
}

/** Releases the lease, so that the next owner need not wait; its facts stay. */
export async function releaseLease(
  { leases }: HasLeases,
  id: string,
  owner: string,
  note: LeaseNote = {}
): Promise<void> {
  await translated('Cannot release the lease', () =>
    leases.updateOne({ _id: id, owner }, { $set: { expiresAt: new Date(0), ...fieldsOf(note) } })
  )
}

/** Removes a lease that nobody will hold again. */
export async function removeLease({ leases }: HasLeases, id: string, owner: string): Promise<void> {
  await translated('Cannot remove the lease', () => leases.deleteOne({ _id: id, owner }))
}

function fieldsOf({ lastFrameMs, ...fields }: LeaseNote): Partial<LeaseDocument> {
  if (lastFrameMs === undefined || lastFrameMs === null) return fields
  return { ...fields, lastFrameAt: new Date(lastFrameMs) }
}

/** Protects values in a pipeline update, which would read a text that begins with a dollar as a field. */
function literally(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { $literal: value as unknown }])
  )
}
