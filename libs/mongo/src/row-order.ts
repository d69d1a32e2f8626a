import { parseTradeId } from '@tapedeck/domain'

/** The newest `limit` rows, ascending in time; ties by symbol, then by the order of the feed. */
export function ascending<D extends { readonly _id: string; readonly symbol: string }>(
  rows: readonly D[],
  limit: number,
  timeOf: (row: D) => Date
): D[] {
  const sorted = rows.toSorted(
    (a, b) =>
      timeOf(a).getTime() - timeOf(b).getTime() ||
      compareTexts(a.symbol, b.symbol) ||
      compareIds(a._id, b._id)
  )
  return sorted.slice(-limit)
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** `<connection>-<frame>-<index>`: frame and index are numbers, so that 10 comes after 9. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [parseTradeId(a), parseTradeId(b)]
  return (
    compareTexts(left.connection, right.connection) ||
    left.sequence - right.sequence ||
    compareTexts(a, b)
  )
}
