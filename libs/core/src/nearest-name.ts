/** The name of `names` that `found` most likely meant, or undefined when none is near. */
export function nearestName(found: string, names: readonly string[]): string | undefined {
  const most = Math.max(2, Math.floor(found.length / 3))
  let nearest: { readonly name: string; readonly edits: number } | undefined
  for (const name of names) {
    const edits = editsBetween(found.toLowerCase(), name.toLowerCase())
    if (edits <= most && (nearest === undefined || edits < nearest.edits)) nearest = { name, edits }
  }
  return nearest?.name
}

/** Levenshtein's distance: letters put in, taken out or replaced. Both texts are cut at 64 letters. */
export function editsBetween(a: string, b: string): number {
  const [left, right] = [a.slice(0, 64), b.slice(0, 64)]
  let above = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const line = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      line.push(Math.min(replaced, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1))
    }
    above = line
  }
  return above[right.length] ?? 0
}
