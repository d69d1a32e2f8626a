import type { Database, LeaseDocument } from '@tapedeck/mongo'
import type { FormerLife } from './gap-keeper.ts'

/** What the last producer of this feed left: its open outage, or when it last heard anything. */
export async function formerLife(
  { feedGaps }: Database,
  feed: string,
  lease: LeaseDocument | null
): Promise<FormerLife> {
  const lastFrameMs = lease?.lastFrameAt?.getTime() ?? null
  const [open] = await feedGaps.find({ feed, to: null }).sort({ updatedAt: -1 }).limit(1).toArray()
  if (open === undefined) return { lastFrameMs }
  const { _id: id, from, cause } = open
  return { open: { id, fromMs: from?.getTime() ?? null, cause }, lastFrameMs }
}
