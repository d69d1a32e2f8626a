import { commandLine, LimitedLines, printable, table, type Terminal } from '@tapedeck/core'
import type { Rules, Timeframe } from '@tapedeck/domain'
import { storedSymbols, type Database } from '@tapedeck/mongo'
import { checkTimeframes, readDate, tradingDatesOf } from '../command/arguments.ts'
import { DATABASE_SETTINGS } from '../command/config.ts'
import { logStates } from '../reprocess/symbol-day.ts'
import { auditSymbol, type AuditDifference, type SymbolAudit } from './audit-symbol.ts'

/** Differences printed without --all. */
const SHOWN = 50
/** Differences printed as JSON at most. */
const JSON_SHOWN = 1000

interface AuditArguments {
  readonly date: string
  /** Undefined: every stored symbol. */
  readonly symbols: readonly string[] | undefined
  readonly timeframes: readonly Timeframe[] | undefined
  readonly isAll: boolean
  readonly isJson: boolean
}

/** The command line of `npm run audit`. */
export const auditCommand = commandLine({
  name: 'audit',
  purpose:
    'Rebuilds the bars of a trading date from the stored trades and compares each with the stored bar, exactly. ' +
    'Nothing is changed.',
  forms: ['-- --date DATE [--symbols A,B] [--timeframes 1m,1d] [--all] [--json]'],
  options: {
    date: ['text', 'DATE', 'the trading date'],
    symbols: ['text', 'A,B', 'only these symbols'],
    timeframes: ['text', 'LIST', 'only these bars (TIMEFRAMES, and all others that are stored)'],
    all: ['flag', `every difference, not only the first ${SHOWN}`],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: {
    ...DATABASE_SETTINGS,
    TIMEFRAMES: 'which bars are rebuilt',
    LATENESS_LIMIT: 'how late a trade may be, as the consumer has it'
  },
  exits: ['no difference', 'some', 'wrong arguments, or a server is missing'],
  example: '-- --date 2026-03-10 --symbols AAPL',
  read: (given): AuditArguments => ({
    date: readDate(given, '--date', given.text('date')),
    symbols: given.list('symbols'),
    timeframes: checkTimeframes(given, given.list('timeframes')),
    isAll: given.flag('all'),
    isJson: given.flag('json')
  })
})

/**
 * Rebuilds a trading date from the stored trades and compares every bar.
 * @returns whether there are bars and none of them differs
 * @throws DATABASE_UNREACHABLE
 */
export async function runAudit(
  args: AuditArguments,
  rules: Rules,
  database: Database,
  terminal: Terminal
): Promise<boolean> {
  const { fold } = rules
  const startedMs = performance.now()
  const reachMs = fold.latenessLimitMs + fold.allowedDelayMs
  const source = { database, collection: 'trades', includeLate: false, reachMs } as const
  const options = {
    timeframes: args.timeframes ?? fold.timeframes,
    isStrict: args.timeframes !== undefined,
    policy: fold.policy,
    dropsRepeated: fold.redelivered === 'drop'
  }
  const lines = new LimitedLines(terminal, args.isAll ? Infinity : SHOWN)
  const audits: SymbolAudit[] = []
  const differences: AuditDifference[] = []
  const range = { date: args.date }
  let trades = 0
  for (const symbol of args.symbols ?? (await storedSymbols(database))) {
    for (const date of tradingDatesOf(symbol, range, range)) {
      terminal.progress(
        `${printable(symbol)}: ${trades} trades so far, ${differences.length} differences`
      )
      const auditOnce = async (): Promise<SymbolAudit> => {
        const states = await logStates(database, rules, Date.now())
        return auditSymbol({ ...source, states }, symbol, date, options)
      }
      let audit = await auditOnce()
      // Writes of the consumer during the first audit may look like differences.
      if (audit.differences.length > 0) audit = await auditOnce()
      audits.push({ ...audit, differences: [] })
      trades += audit.trades
      for (const one of audit.differences) {
        lines.add(differenceText(one))
        if (differences.length < JSON_SHOWN || !args.isJson) differences.push(one)
      }
    }
  }
  lines.end()
  const seconds = (performance.now() - startedMs) / 1000
  const rows = audits.filter(({ trades: n, bars }) => n > 0 || bars > 0)
  terminal.write(reportText(rows, differences, seconds))
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

function differenceText(one: AuditDifference): string {
  const { kind, symbol, timeframe, start, fields, explanation } = one
  const plain = fields.filter(({ field }) => !field.startsWith('exact '))
  const text = (plain.length > 0 ? plain : fields)
    .map(({ field, stored, rebuilt }) => `${field} ${stored} stored, ${rebuilt} rebuilt`)
    .join('; ')
  const name = [symbol, timeframe, start].filter((part) => part !== '').join(' ')
  return `${printable(name)}  ${kind}: ${printable(explanation)}${text === '' ? '' : `\n    ${printable(text)}`}`
}

function reportText(
  rows: readonly SymbolAudit[],
  differences: readonly AuditDifference[],
  seconds: number
): string {
  const trades = rows.reduce((sum, row) => sum + row.trades, 0)
  const bars = rows.reduce((sum, row) => sum + row.bars, 0)
  const cells = rows.map((row) => [
    printable(row.symbol),
    row.tradeDate,
    row.coverage === null ? '-' : `${(row.coverage * 100).toFixed(2)} %`,
    row.gaps,
    row.trades,
    row.excluded,
    row.bars,
    row.equal,
    row.open,
    row.outdated,
    row.otherPolicy,
    differences.filter((one) => one.symbol === row.symbol).length
  ])
  const columns =
    'symbol,date,coverage,gaps,trades,excluded,bars,equal,open,outdated,other policy,differences'
  return (
    table([columns.split(','), ...cells]) +
    `${trades} trades, ${bars} bars in ${seconds.toFixed(1)} s, ${Math.round(trades / seconds)} trades a second; ` +
    `${differences.length === 0 ? 'no difference' : `${differences.length} differences`}\n`
  )
}
