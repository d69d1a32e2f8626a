import {
  closeBatch,
  MemoryBars,
  type Bar,
  type ClosedBatch,
  type PartitionFold
} from '@tapedeck/domain'

/** Closes a batch of a fold without forecasts, and writes its bars to the store. */
export async function flush(
  fold: PartitionFold,
  store: MemoryBars = new MemoryBars(),
  nextOffset = 0
): Promise<ClosedBatch> {
  const closed = await closeBatch(fold, store, [], {
    nextOffset,
    now: () => 0
  })
  const { activity } = closed
  store.write(changedBars(closed), [...activity.fresh, ...activity.changed])
  return closed
}

/** The bars in time that a batch changed. */
export function changedBars({ bars }: ClosedBatch): Bar[] {
  return [...bars.fresh, ...bars.changed]
}
