import type { TapeSet } from './sets.ts'
import type { Verification } from './verify-tape.ts'

/** One line of the table, also in the JSON. */
export type SetResult = Verification & Pick<TapeSet, 'name' | 'note'>

interface Column {
  readonly title: string
  readonly width: number
  of(result: SetResult): string
}

const COLUMNS: readonly Column[] = [
  { title: 'set', width: -35, of: ({ name }) => name },
  { title: 'trades', width: 7, of: ({ trades }) => String(trades) },
  { title: 'stored', width: 7, of: ({ documents }) => String(documents) },
  { title: 'again', width: 5, of: ({ redelivered }) => String(redelivered) },
  { title: '1m bars', width: 7, of: ({ expected }) => String(expected) },
  { title: 'equal', width: 5, of: ({ equal }) => String(equal) },
  { title: 'different', width: 9, of: ({ different }) => String(different) },
  { title: 'missing', width: 7, of: ({ missing }) => String(missing) },
  { title: 'unexpected', width: 10, of: ({ unexpected }) => String(unexpected) },
  { title: 'all bars', width: 8, of: ({ windows }) => String(windows) },
  { title: 'wrong', width: 5, of: ({ wrongBars }) => String(wrongBars) },
  { title: 's', width: 5, of: ({ seconds }) => seconds.toFixed(1) },
  { title: 'trades/s', width: 8, of: ({ tradesPerSecond }) => String(tradesPerSecond) },
  { title: '', width: -4, of: ({ holds }) => (holds ? 'ok' : 'FAIL') },
  { title: 'note', width: 0, of: ({ note }) => note }
]

/** The head of the table. */
export function tableHead(): string {
  const titles = COLUMNS.map(({ title, width }) => padded(title, width))
  const rule = COLUMNS.map(({ width, title }) => '-'.repeat(Math.abs(width) || title.length))
  return `${titles.join('  ').trimEnd()}\n${rule.join('  ')}\n`
}

/** One set: its line, then what differs. */
export function tableRow(result: SetResult): string {
  const cells = COLUMNS.map(({ of, width }) => padded(of(result), width))
  const problems = result.differences.map((difference) => `    ! ${difference}`)
  return `${[cells.join('  ').trimEnd(), ...problems].join('\n')}\n`
}

/** One set at length, with what each process cost. */
export function fullReport({ tape, bars }: TapeSet, result: SetResult): string {
  const again = result.redelivered > 0 ? `, ${result.redelivered} delivered again` : ''
  const rows = [
    `tape         ${tape}`,
    `reference    ${bars ?? 'computed from the tape'}`,
    `trades       ${result.documents} stored of ${result.trades}${again}, ${result.symbols} symbols`,
    `1m bars      ${result.equal} equal of ${result.expected}; ${result.different} different, ${result.missing} missing, ${result.unexpected} unexpected`,
    `all bars     ${result.windows} of all timeframes against the stored trades; ${result.wrongBars} wrong`,
    `speed        ${result.seconds.toFixed(1)} s, ${result.tradesPerSecond} trades/s from frame to stored trade`,
    ...result.processes.map(
      ({ name, cpuSeconds, rssMebibytes }) =>
        `${name.padEnd(12)} ${cpuSeconds.toFixed(1)} s CPU, ${((cpuSeconds / result.trades) * 1e6).toFixed(1)} us a trade, ${rssMebibytes} MiB`
    ),
    ...(result.note === '' ? [] : [`note         ${result.note}`]),
    ...result.differences.map((difference) => `  differs: ${difference}`),
    result.holds ? 'holds        every trade and every bar is equal' : 'FAILS'
  ]
  return `${rows.join('\n')}\n`
}

/** Negative widths are of texts, flush left. */
function padded(text: string, width: number): string {
  return width > 0 ? text.padStart(width) : text.padEnd(-width)
}
