import { isOpen, reasonLabel, type Letter, type LetterEntry, type LetterState } from './journal.ts'

/** One line of the list: letters of a stage and reason that stand alike. */
export interface LetterGroup {
  readonly stage: string
  readonly reason: string
  readonly state: LetterState
  readonly count: number
  readonly newestAt: string
  readonly newestOffset: number
}

/** Counts by stage, reason and state, most first; pure. */
export function groupLetters(entries: readonly LetterEntry[]): LetterGroup[] {
  const groups = Map.groupBy(entries, ({ stage, reason, state }) =>
    JSON.stringify([stage, reasonLabel(reason), state])
  )
  return [...groups.values()]
    .flatMap((group) => {
      const newest = group.at(-1)
      if (newest === undefined) return []
      return [
        {
          stage: newest.stage,
          reason: reasonLabel(newest.reason),
          state: newest.state,
          count: group.length,
          newestAt: new Date(newest.storedAtMs).toISOString(),
          newestOffset: newest.offset
        }
      ]
    })
    .toSorted((a, b) => b.count - a.count || a.newestOffset - b.newestOffset)
}

export function renderList(
  topic: string,
  entries: readonly LetterEntry[],
  { isAll }: { readonly isAll: boolean }
): string {
  const shown = isAll ? entries : entries.filter(isOpen)
  const done = entries.filter((entry) => !isOpen(entry)).length
  const doneText =
    done === 0 ? '' : `, ${done} replayed or dropped${isAll ? '' : ' (--all lists them)'}`
  const head = `${topic}: ${entries.length - done} letters open${doneText}\n`
  if (shown.length === 0) return head
  const rows = groupLetters(shown).map((group) => [
    String(group.count),
    group.stage,
    printable(group.reason),
    group.state,
    group.newestAt,
    String(group.newestOffset)
  ])
  return `${head}\n${table([['letters', 'stage', 'reason', 'state', 'newest', 'offset'], ...rows])}`
}

export function renderLetter(letter: Letter, state: LetterState): string {
  const { offset, stage, reason, partition, recordOffset, storedAtMs, raw } = letter
  const place = partition === undefined ? '' : `, record ${partition}/${recordOffset ?? '?'}`
  const at = new Date(storedAtMs).toISOString()
  const head = `offset ${offset}, ${at}, ${stage}${place}, ${state}`
  return `${head}\n  reason  ${printable(reason)}\n  raw     ${printable(raw)}\n`
}

/** A letter holds whatever somebody sent: what could move the cursor or colour the screen is spelt out. */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  )
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
      )
      .join('  ')
      .trimEnd()
  )
  return `${lines.map((line) => `  ${line}`).join('\n')}\n`
}
