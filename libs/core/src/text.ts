/** Columns of equal width, numbers to the right; the first row is the head. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String))
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0))
  )
  const isNumber = widths.map((_, column) => typeof rows.at(-1)?.[column] === 'number')
  const lines = texts.map((row) =>
    row
      .map((cell, column) =>
        isNumber[column] === true
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0)
      )
      .join('  ')
      .trimEnd()
  )
  return `${lines.join('\n')}\n`
}

/** A text from outside with every character escaped that could move a terminal's cursor. */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

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

/** `; did you mean NAME?` with the nearest of `names`, for the end of a message; empty when none is near. */
export function didYouMean(found: string, names: readonly string[]): string {
  const near = nearestName(found, names)
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** Levenshtein distance: letters inserted, deleted or replaced. Both texts are cut at 64 letters. */
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

const BLOCKS = '▁▂▃▄▅▆▇█'

/** One character for each value, from the lowest to the highest of them; a level line for equal ones. */
export function sparkline(values: readonly number[]): string {
  const low = Math.min(...values)
  const span = Math.max(...values) - low
  return values
    .map((value) => {
      const level = span === 0 ? 3 : Math.round(((value - low) / span) * (BLOCKS.length - 1))
      return BLOCKS[level] ?? ''
    })
    .join('')
}
