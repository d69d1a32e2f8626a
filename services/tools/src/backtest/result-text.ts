import { printable, table } from '@tapedeck/core'
import type { BacktestResult } from './backtest.ts'
import { TABLE_HEAD, TABLE_NOTES, tableCells } from './score-table.ts'

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
export function summaryLines({ counts, speed, policy, seed, source }: BacktestResult): string[] {
  const { trades, records, finalBars, forecasts, refused, aside } = counts
  const unknown = Object.entries(counts.unknownCodes)
  const absences = Object.entries(counts.absences)
  return [
    `played ${source.map(printable).join(', ')}: ${trades} trades in ${records} records, policy ${policy}, seed ${seed}`,
    `${finalBars} bars, ${forecasts} forecasts in ${speed.seconds.toFixed(1)} s: ${speed.tradesPerSecond} trades/s`,
    ...(absences.length > 0
      ? [`no forecast: ${absences.map(([reason, count]) => `${reason} ${count}`).join(', ')}`]
      : []),
    ...(aside > 0 ? [`${aside} trades in no bar: too late, or delivered again`] : []),
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
