/** Where a command's words go: its result, and what it says while it works. */
export interface Screen {
  write(text: string): void
  /** At most one line in a few seconds; nothing of the result. */
  progress(text: string): void
  /** A line beside the result. */
  note(text: string): void
}

const PROGRESS_MS = 3000

export function processScreen(
  out: (text: string) => void,
  err: (text: string) => void,
  now: () => number
): Screen {
  let saidAtMs = now()
  return {
    write: out,
    progress(text) {
      if (now() - saidAtMs < PROGRESS_MS) return
      saidAtMs = now()
      err(`${text}\n`)
    },
    note: (text) => err(`${text}\n`)
  }
}

/** Lines that are shown up to a number; the rest are counted. */
export class LimitedLines {
  readonly #screen: Screen
  readonly #limit: number
  #count = 0

  constructor(screen: Screen, limit: number) {
    this.#screen = screen
    this.#limit = limit
  }

  add(line: string): void {
    if (++this.#count <= this.#limit) this.#screen.write(`${line}\n`)
  }

  /** Says how many were not shown. */
  end(): void {
    const more = this.#count - this.#limit
    if (more > 0) this.#screen.write(`and ${more} more (--all shows them)\n`)
  }
}

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

/** A symbol or value of whoever sent it: what could move the cursor is spelt out. */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}
