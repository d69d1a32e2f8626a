import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import type { BacktestResult } from './backtest.ts'
import { coveragePlot, skillPlot, timeOfDayPlot } from './plots.ts'
import { summaryLines } from './result-text.ts'
import { TABLE_HEAD, TABLE_NOTES, tableCells } from './score-table.ts'

const SKILL = 'backtest-skill.svg'
const COVERAGE = 'backtest-coverage.svg'
const TIME_OF_DAY = 'backtest-time-of-day.svg'

/**
 * Writes report.md and its plots into a folder and answers the report's path. Figures are sums over
 * many forecasts: no trade of the tape can be read from them.
 * @throws CONFIG_INVALID when the folder cannot be written
 */
export async function writeReport(folder: string, result: BacktestResult): Promise<string> {
  const report = path.join(folder, 'report.md')
  const files: readonly (readonly [file: string, text: string])[] = [
    [report, reportText(result)],
    [path.join(folder, SKILL), skillPlot(result.rows)],
    [path.join(folder, COVERAGE), coveragePlot(result.rows)],
    [path.join(folder, TIME_OF_DAY), timeOfDayPlot(result.halfHours)]
  ]
  try {
    await mkdir(folder, { recursive: true })
    for (const [file, text] of files) await writeFile(file, text)
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot write the report: --report ${folder} found, expected a folder that can be written`,
      { cause }
    )
  }
  return report
}

/** Markdown: the table, what its columns mean, the plots. */
export function reportText(result: BacktestResult): string {
  return [
    '# Backtest',
    '',
    ...summaryLines(result).map((one) => `- ${escaped(one)}`),
    '',
    ...markdownTable(TABLE_HEAD, result.rows.map(tableCells)),
    '',
    ...TABLE_NOTES.map((note) => `- ${note}`),
    '',
    `![Skill against naive by kind of forecast](${SKILL})`,
    '',
    `![Coverage of both bands by kind of forecast](${COVERAGE})`,
    '',
    `![Coverage of both bands over the day](${TIME_OF_DAY})`,
    ''
  ].join('\n')
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map(escaped).join(' | ')} |`
  )
}

/** A symbol of a foreign tape must not become markup. */
function escaped(text: string): string {
  return text.replace(/[|\\<>*_`[\]]/g, String.raw`\$&`).replaceAll(/\s+/g, ' ')
}
