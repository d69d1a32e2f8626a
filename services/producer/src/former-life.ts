import type { Database, FeedGapDocument, LeaseDocument, LeaseNote } from '@tapedeck/mongo'
import type { PreviousRun, Handover, OpenGap } from './gap-keeper.ts'

/**
 * What the last producer of this feed left in its lease, perhaps under another key, and in the gaps
 * that the consumer stored since.
 * @param ownLease a lease that others hold at present says nothing of a former life
 */
export async function previousRun(
  { leases, feedGaps }: Database,
  feed: string,
  ownLease: string
): Promise<PreviousRun> {
  const [lease] = await leases
    .find({
      _id: { $gte: `${feed}|`, $lt: `${feed}}` },
      $or: [{ _id: ownLease }, { $expr: { $lt: ['$expiresAt', '$$NOW'] } }]
    })
    .sort({ lastFrameAt: -1 })
    .limit(1)
    .toArray()
  const [stored] = await feedGaps
    .find({ feed, to: null })
    .sort({ updatedAt: -1 })
    .limit(1)
    .toArray()
  const open = openGap(lease, stored)
  const followed = lease?.followed?.map(
    ({ symbol, until }) => [symbol, until?.getTime() ?? null] as const
  )
  return {
    ...(open !== undefined && { open }),
    lastFrameMs: lease?.lastFrameAt?.getTime() ?? null,
    ...(followed !== undefined && { followed: new Map(followed) })
  }
}

/** What a life leaves, as its lease keeps it. */
export function noteOf(lastFrameMs: number | null, handover: Handover | undefined): LeaseNote {
  if (handover === undefined) return { lastFrameMs }
  const { open, followed } = handover
  return {
    lastFrameMs,
    open:
      open === undefined
        ? null
        : { id: open.id, from: dateOf(open.fromMs), cause: open.cause, symbols: open.symbols },
    followed: [...followed].map(([symbol, untilMs]) => ({ symbol, until: dateOf(untilMs) }))
  }
}

/**
 * The outage that was left open. One that only the consumer stored began after the lease was last
 * renewed; an older one is closed on the topic already, and the consumer has yet to read that.
 */
function openGap(
  lease: LeaseDocument | undefined,
  stored: FeedGapDocument | undefined
): OpenGap | undefined {
  if (lease?.open !== undefined && lease.open !== null) {
    const { id, from, cause, symbols } = lease.open
    return { id, fromMs: from?.getTime() ?? null, cause, symbols }
  }
  if (stored === undefined) return undefined
  const { _id: id, from, cause, symbols } = stored
  const lastFrameAt = lease?.lastFrameAt ?? null
  if (from !== null && lastFrameAt !== null && from < lastFrameAt) return undefined
  return { id, fromMs: from?.getTime() ?? null, cause, symbols }
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
