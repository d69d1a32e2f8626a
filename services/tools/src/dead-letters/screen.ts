import { printable, table } from '@tapedeck/core'
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
    group.count,
    group.stage,
    printable(group.reason),
    group.state,
    group.newestAt,
    group.newestOffset
  ])
  const heads = ['letters', 'stage', 'reason', 'state', 'newest', 'offset']
  return `${head}\n${table([heads, ...rows])}`
}

export function renderLetter(letter: Letter, state: LetterState): string {
  const { offset, stage, reason, partition, recordOffset, storedAtMs, raw } = letter
  const place = partition === undefined ? '' : `, record ${partition}/${recordOffset ?? '?'}`
  const at = new Date(storedAtMs).toISOString()
  const head = `offset ${offset}, ${at}, ${stage}${place}, ${state}`
  return `${head}\n  reason  ${printable(reason)}\n  raw     ${printable(raw)}\n`
}
