import type { Result } from './play-scenario.ts'

interface Column {
  readonly title: string
  readonly widest: number
  readonly isNumber?: boolean
  of(result: Result): string
}

const COLUMNS: readonly Column[] = [
  { title: 'scenario', widest: 22, of: ({ name }) => name },
  { title: 'reaction expected', widest: 44, of: ({ reactionExpected }) => reactionExpected },
  { title: 'reaction seen', widest: 60, of: ({ reactionSeen }) => reactionSeen },
  { title: 'frames', widest: 8, isNumber: true, of: ({ framesSent }) => String(framesSent) },
  { title: 'stored', widest: 8, isNumber: true, of: ({ tradesStored }) => String(tradesStored) },
  { title: 'gaps', widest: 5, isNumber: true, of: ({ gapsRecorded }) => String(gapsRecorded) },
  { title: '', widest: 5, of: ({ problems }) => (problems.length === 0 ? 'ok' : 'FAIL') }
]

/** The head of the table. */
export function tableHead(): string {
  const titles = COLUMNS.map(({ title, widest, isNumber }) => padded(title, widest, isNumber))
  const rule = COLUMNS.map(({ widest }) => '-'.repeat(widest))
  return `${titles.join('  ').trimEnd()}\n${rule.join('  ')}\n`
}

/** One scenario: as many lines as its longest cell takes, and what does not hold. */
export function tableRow(result: Result): string {
  const cells = COLUMNS.map(({ of, widest }) => wrapped(of(result), widest))
  const height = Math.max(...cells.map(({ length }) => length))
  const lines = Array.from({ length: height }, (_, row) =>
    COLUMNS.map(({ widest, isNumber }, column) =>
      padded(cells[column]?.[row] ?? '', widest, isNumber)
    )
      .join('  ')
      .trimEnd()
  )
  return `${[...lines, ...result.problems.map((problem) => `    ! ${problem}`)].join('\n')}\n`
}

function padded(text: string, width: number, isNumber = false): string {
  return isNumber ? text.padStart(width) : text.padEnd(width)
}

/** Broken between words; a longer word stands over. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}
