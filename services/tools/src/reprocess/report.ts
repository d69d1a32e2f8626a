import { LimitedLines, printable, table, type Terminal } from '@tapedeck/core'
import type { ConditionPolicy } from '@tapedeck/domain'
import type { BarDocument } from '@tapedeck/mongo'
import type { Comparison, FieldDifference } from './compare.ts'
import type { SymbolDay } from './symbol-day.ts'

/** What a run compares. */
export interface ReportHead {
  readonly policy: ConditionPolicy
  readonly source: 'trades' | 'topic'
  readonly symbols: number
}

/** The result of a run, as `--json` prints it. */
export interface ReprocessReport extends ReportHead {
  readonly dates: readonly string[]
  readonly trades: number
  readonly tradesPerSecond: number
  readonly bars: number
  readonly equal: number
  /** Same content under a policy of another name. */
  readonly labelled: number
  readonly different: number
  readonly missing: number
  readonly unexpected: number
  /** Not final yet. */
  readonly open: number
  /** Of those that differ: their trades are not proven to be the stored ones. */
  readonly doubtful: number
  /** Differences by field. */
  readonly fields: Readonly<Record<string, number>>
  readonly swap: SwapOutcome | null
}

/** The result of a swap. */
export interface SwapOutcome {
  readonly replaced: number
  /** Same content: only the policy's name changed. */
  readonly labelled: number
  readonly inserted: number
  readonly removed: number
  /** Bars that were not swapped, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

/** Differences printed without --all. */
const SHOWN = 50

/** Counts the comparisons of a run, and prints each difference. */
export class Differences {
  trades = 0
  bars = 0
  open = 0
  readonly #lines: LimitedLines
  readonly #dates = new Set<string>()
  readonly #actions = { keep: 0, label: 0, replace: 0, insert: 0, remove: 0 }
  readonly #fields = new Map<string, number>()
  #doubtful = 0

  constructor(terminal: Terminal, isAll: boolean) {
    this.#lines = new LimitedLines(terminal, isAll ? Infinity : SHOWN)
  }

  addDate({ date, slice }: SymbolDay): void {
    if (slice.tradeCount > 0) this.#dates.add(date.tradeDate)
    this.trades += slice.tradeCount
  }

  add({ action, differences, doubt, document }: Comparison): void {
    this.bars++
    this.#actions[action]++
    if (differences.length === 0) return
    if (doubt !== null) this.#doubtful++
    for (const { field } of differences) {
      this.#fields.set(field, (this.#fields.get(field) ?? 0) + 1)
    }
    this.#lines.add(differenceLine(document, differences, doubt))
  }

  /** Says how many differences were not printed. */
  end(): void {
    this.#lines.end()
  }

  report(): Omit<ReprocessReport, keyof ReportHead | 'tradesPerSecond' | 'swap'> {
    return {
      dates: [...this.#dates].toSorted(),
      trades: this.trades,
      bars: this.bars,
      equal: this.#actions.keep,
      labelled: this.#actions.label,
      different: this.#actions.replace,
      missing: this.#actions.insert,
      unexpected: this.#actions.remove,
      open: this.open,
      doubtful: this.#doubtful,
      fields: Object.fromEntries([...this.#fields].toSorted((a, b) => b[1] - a[1]))
    }
  }
}

/**
 * Such as `AAPL 1m 2026-03-10T14:00:00.000Z  close 101 -> 100, volume 30 -> 20`. Exact sums are named
 * only where nothing else differs.
 */
function differenceLine(
  { symbol, timeframe, start }: BarDocument,
  differences: readonly FieldDifference[],
  doubt: string | null
): string {
  const plain = differences.filter(({ field }) => !field.startsWith('exact '))
  const text = (plain.length > 0 ? plain : differences)
    .map(({ field, stored, rebuilt }) => `${field} ${printable(stored)} -> ${printable(rebuilt)}`)
    .join(', ')
  const note = doubt === null ? '' : `  in doubt: ${doubt}`
  return `${printable(symbol)} ${timeframe} ${start.toISOString()}  ${text}${note}`
}

/** The result for people; a swap is reported by `swapText`. */
export function reportText(report: Omit<ReprocessReport, 'swap'>, seconds: number): string {
  const { dates, symbols, trades, tradesPerSecond, bars, policy, source, fields } = report
  const range = dates.length === 0 ? 'no trading date' : `${dates[0]} to ${dates.at(-1)}`
  const counts = table([
    ['equal', 'only the policy named', 'different', 'missing', 'unexpected', 'open', 'in doubt'],
    [
      report.equal,
      report.labelled,
      report.different,
      report.missing,
      report.unexpected,
      report.open,
      report.doubtful
    ]
  ])
  const byField = Object.entries(fields)
    .map(([field, count]) => `  ${count} ${field}\n`)
    .join('')
  return (
    `${bars} bars of ${symbols} symbols rebuilt under ${policy} from ${source}, whole trading dates ${range}: ` +
    `${trades} trades in ${seconds.toFixed(1)} s, ${tradesPerSecond} a second\n` +
    counts +
    (byField === '' ? '' : `differences by field\n${byField}`)
  )
}

export function swapText({ replaced, labelled, inserted, removed, skipped }: SwapOutcome): string {
  const reasons = Object.entries(skipped)
    .map(([reason, count]) => `  ${count} not swapped: ${reason}\n`)
    .join('')
  return (
    `swapped: ${replaced} replaced, ${labelled} with only the policy changed, ${inserted} inserted, ${removed} removed\n` +
    `${reasons}forecasts did not change: they were made from the earlier bars\n`
  )
}
