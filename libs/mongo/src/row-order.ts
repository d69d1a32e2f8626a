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
function compareIds(a: string, b: string): number {
  const [left, right] = [tradeOrder(a), tradeOrder(b)]
  return (
    compareTexts(left.connection, right.connection) ||
    left.frame - right.frame ||
    left.index - right.index ||
    compareTexts(a, b)
  )
}

function tradeOrder(id: string): { connection: string; frame: number; index: number } {
  const match = /^(.*)-(\d+)-(\d+)$/.exec(id)
  if (match === null) return { connection: id, frame: 0, index: 0 }
  return { connection: match[1] ?? '', frame: Number(match[2]), index: Number(match[3]) }
}
