import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { printable, table, TapedeckError } from '@tapedeck/core'
import { specName } from '@tapedeck/domain'
import type { BacktestResult } from './backtest.ts'
import { coveragePlot, skillPlot, timeOfDayPlot } from './plots.ts'
import type { ScoreRow } from './scores.ts'

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
function reportText(result: BacktestResult): string {
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

/** What a backtest found, for a terminal. */
export function resultText(result: BacktestResult): string {
  const { rows } = result
  const cells = rows.map((row) => tableCells(row).map(printable))
  return [
    ...(rows.length === 0
      ? ['no forecast was scored: too few trades for these lookbacks and horizons\n']
      : [table([TABLE_HEAD, ...cells]), `\n${TABLE_NOTES.join('\n')}\n`]),
    `\n${summaryLines(result).join('\n')}\n`
  ].join('')
}

/** What was played and how fast, and what was left out. */
function summaryLines({ counts, speed, policy, seed, source }: BacktestResult): string[] {
  const { trades, records, finalBars, forecasts, refused, excluded } = counts
  const unknown = Object.entries(counts.unknownCodes)
  const absences = Object.entries(counts.absences)
  return [
    `played ${source.map(printable).join(', ')}: ${trades} trades in ${records} records, policy ${policy}, seed ${seed}`,
    `${finalBars} bars, ${forecasts} forecasts in ${speed.seconds.toFixed(1)} s: ${speed.tradesPerSecond} trades/s`,
    ...(absences.length > 0
      ? [`no forecast: ${absences.map(([reason, count]) => `${reason} ${count}`).join(', ')}`]
      : []),
    ...(excluded > 0 ? [`${excluded} trades in no bar: too late, or delivered again`] : []),
    ...(refused > 0 ? [`${refused} trades that a producer would have refused`] : []),
    ...(unknown.length > 0
      ? [
          `unknown condition codes, which set no price: ${unknown
            .map(([code, count]) => `${printable(code)} ${count}`)
            .join(', ')}`
        ]
      : [])
  ]
}

/** A column of the score table: its head and its cell. */
type Column = readonly [head: string, cell: (row: ScoreRow) => string]

const COLUMNS: readonly Column[] = [
  ['symbol', ({ symbol }) => symbol],
  ['forecast', specName],
  ['model', ({ model }) => model],
  ['n', ({ n }) => String(n)],
  ['MAE', ({ mae }) => price(mae)],
  ['naive', ({ maeNaive }) => price(maeNaive)],
  ['skill', skill],
  ['vs drift', ({ skillDrift }) => fixed(skillDrift, 3)],
  ['direction', direction],
  ['OLS', ({ coverageOls }) => percent(coverageOls)],
  ['band', ({ coverageBand }) => percent(coverageBand)],
  ['first 30', ({ coverageEarly }) => percent(coverageEarly)],
  ['OLS width', ({ widthOls }) => price(widthOls)],
  ['band width', ({ widthBand }) => price(widthBand)],
  ['OLS Winkler', ({ winklerOls }) => price(winklerOls)],
  ['band Winkler', ({ winklerBand }) => price(winklerBand)],
  ['DM p', ({ dieboldMariano }) => pValue(dieboldMariano?.p)],
  ['verdict', ({ label }) => label]
]

const TABLE_HEAD: readonly string[] = COLUMNS.map(([head]) => head)

/** A row of the table as texts, in the order of TABLE_HEAD. */
function tableCells(row: ScoreRow): string[] {
  return COLUMNS.map(([, cell]) => cell(row))
}

/** What the columns mean, a line each. */
const TABLE_NOTES: readonly string[] = [
  'forecast is timeframe:lookback:horizon; n scored forecasts; MAE and widths in quote currency',
  'skill is 1 - MAE / naive MAE with its 95 % range by resampling; naive says the price stays put',
  'direction is the share with the direction right and its 95 % band, ties left out',
  'OLS and band are the coverage of the 95 % interval of least squares and of the adaptive band',
  'first 30 is the coverage of the adaptive band over the first 30 scores, when little is learnt',
  'DM p: Diebold-Mariano test of this row alone against naive, over all scored forecasts',
  'verdict: as shown live, with 5 % for all rows and moments together (docs/forecasts.md)'
]

function skill({ skill: value, skillLower, skillUpper }: ScoreRow): string {
  const range = skillLower === null ? '' : ` [${fixed(skillLower, 3)}, ${fixed(skillUpper, 3)}]`
  return `${fixed(value, 3)}${range}`
}

function direction({ hitRate, hitLower, hitUpper }: ScoreRow): string {
  if (hitRate === null) return '-'
  return `${percent(hitRate)} [${fixed(100 * (hitLower ?? 0), 1)}, ${fixed(100 * (hitUpper ?? 0), 1)}]`
}

/** Four significant digits: prices may be 100 000 or 0.0001. */
function price(value: number | null): string {
  if (value === null) return '-'
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(3) : value.toPrecision(4)
}

function percent(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(1)} %`
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits)
}

function pValue(p: number | undefined): string {
  if (p === undefined) return '-'
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}
