import { LimitedLines, printable, table, type Terminal } from '@tapedeck/core'
import { storedSymbols, type Database } from '@tapedeck/mongo'
import type { AuditArguments } from './arguments.ts'
import { auditSymbol, type AuditDifference, type SymbolAudit } from './audit-symbol.ts'
import type { CommandConfig } from './command-config.ts'
import { tradingDatesOf } from './dates.ts'
import { logStates } from './log-state.ts'
import { tradeStore } from './trade-store.ts'

export interface AuditDeps {
  readonly config: CommandConfig
  readonly database: Database
  readonly terminal: Terminal
}

const SHOWN = 50
/** Differences printed as JSON at most. */
const JSON_SHOWN = 1000

/**
 * Counts a trading date anew from the stored trades and compares every bar. Answers whether there was no
 * difference at all.
 */
export async function runAudit(
  args: AuditArguments,
  { config, database, terminal }: AuditDeps
): Promise<boolean> {
  const { consumer } = config
  const { fold } = consumer
  const startedMs = performance.now()
  const store = tradeStore(database, 'trades')
  const reachMs = fold.latenessLimitMs + fold.allowedDelayMs
  const options = {
    timeframes: args.timeframes ?? fold.timeframes,
    isStrict: args.timeframes !== undefined,
    policy: fold.policy,
    dropsRepeated: fold.redelivered === 'drop'
  }
  const lines = new LimitedLines(terminal, args.isAll ? Infinity : SHOWN)
  const audits: SymbolAudit[] = []
  const differences: AuditDifference[] = []
  let trades = 0
  for (const symbol of args.symbols ?? (await storedSymbols(database))) {
    for (const date of tradingDatesOf(symbol, args.date, args.date)) {
      terminal.progress(
        `${printable(symbol)}: ${trades} trades so far, ${differences.length} differences`
      )
      const look = async (): Promise<SymbolAudit> => {
        const states = await logStates(database, consumer, Date.now())
        return auditSymbol({ database, store, states, reachMs }, symbol, date, options)
      }
      let audit = await look()
      // What was written while this read looks different once, but not twice.
      if (audit.differences.length > 0) audit = await look()
      audits.push({ ...audit, differences: [] })
      trades += audit.trades
      for (const one of audit.differences) {
        lines.add(lineOf(one))
        if (differences.length < JSON_SHOWN || !args.isJson) differences.push(one)
      }
    }
  }
  lines.end()
  const seconds = (performance.now() - startedMs) / 1000
  const rows = audits.filter(({ trades: n, bars }) => n > 0 || bars > 0)
  terminal.write(summary(rows, differences, seconds))
  if (rows.length === 0) terminal.write('nothing of that date is stored: nothing was compared\n')
  const isClean = differences.length === 0 && rows.length > 0
  if (args.isJson) {
    const tradesPerSecond = Math.round(trades / seconds)
    const symbols = rows.map(({ differences: _none, ...row }) => row)
    terminal.write(
      `${JSON.stringify({ isClean, trades, tradesPerSecond, symbols, differences })}\n`
    )
  }
  return isClean
}

function lineOf(one: AuditDifference): string {
  const { kind, symbol, timeframe, start, fields, explanation } = one
  const plain = fields.filter(({ field }) => !field.startsWith('exact '))
  const text = (plain.length > 0 ? plain : fields)
    .map(({ field, stored, rebuilt }) => `${field} ${stored} stored, ${rebuilt} counted`)
    .join('; ')
  const name = [symbol, timeframe, start].filter((part) => part !== '').join(' ')
  return `${printable(name)}  ${kind}: ${printable(explanation)}${text === '' ? '' : `\n    ${printable(text)}`}`
}

function summary(
  rows: readonly SymbolAudit[],
  differences: readonly AuditDifference[],
  seconds: number
): string {
  const trades = rows.reduce((sum, row) => sum + row.trades, 0)
  const bars = rows.reduce((sum, row) => sum + row.bars, 0)
  const countOf = (symbol: string): number =>
    differences.filter((one) => one.symbol === symbol).length
  const lines = rows.map((row) => [
    printable(row.symbol),
    row.tradeDate,
    row.coverage === null ? '-' : `${(row.coverage * 100).toFixed(2)} %`,
    row.gaps,
    row.trades,
    row.aside,
    row.bars,
    row.equal,
    row.open,
    row.unjudged,
    row.otherPolicy,
    countOf(row.symbol)
  ])
  const head = [
    'symbol',
    'date',
    'coverage',
    'gaps',
    'trades',
    'aside',
    'bars',
    'equal',
    'open',
    'unjudged',
    'other policy',
    'differences'
  ]
  return (
    table([head, ...lines]) +
    `${trades} trades, ${bars} bars in ${seconds.toFixed(1)} s, ${Math.round(trades / seconds)} trades a second; ` +
    `${differences.length === 0 ? 'no difference' : `${differences.length} differences`}\n`
  )
}
