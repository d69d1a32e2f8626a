import { LimitedLines, printable, table, type Terminal } from '@tapedeck/core'
import type { ConditionPolicy } from '@tapedeck/domain'
import {
  clearShadowBars,
  dropShadowTrades,
  insertShadowBars,
  storedSymbols,
  type BarDocument,
  type Database
} from '@tapedeck/mongo'
import type { ReprocessArguments } from './arguments.ts'
import type { CommandConfig } from './command-config.ts'
import type { FieldDifference } from './compare.ts'
import { tradingDatesOf } from './dates.ts'
import { Day, type DayDeps } from './day.ts'
import type { Judged } from './judge.ts'
import { judgeTimeframe } from './judge-day.ts'
import { logStates } from './log-state.ts'
import { asSoleRun, type SoleRun } from './sole-run.ts'
import { swapIn, type SwapOutcome } from './swap.ts'
import { readTopicTrades } from './topic-trades.ts'
import { tradeStore } from './trade-store.ts'

export interface ReprocessDeps {
  readonly config: CommandConfig
  readonly database: Database
  readonly terminal: Terminal
  /** Whether the swap may begin. */
  confirm(question: string): Promise<boolean>
}

/** What a run found, as `--json` prints it. */
export interface ReprocessReport {
  readonly policy: ConditionPolicy
  readonly source: string
  readonly symbols: number
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
  /** Not yet final. */
  readonly open: number
  /** Of those that differ: their trades are not proven to be the stored ones. */
  readonly doubtful: number
  readonly fields: Readonly<Record<string, number>>
  readonly swap: SwapOutcome | null
}

const SHOWN = 50
/** Trades read around a range from the topic, for the last prices before it: over a long weekend. */
const AROUND_MS = 6 * 86_400_000

/**
 * Builds the bars of a range anew into `bars_shadow`, symbol by symbol and date by date, says what
 * differs, and swaps it in when asked. Answers whether all that was asked for was done.
 * @throws RUN_IN_PROGRESS when another run uses the shadow
 */
export function runReprocess(args: ReprocessArguments, deps: ReprocessDeps): Promise<boolean> {
  return asSoleRun(deps.database, (run) => reprocess(args, deps, run))
}

async function reprocess(
  args: ReprocessArguments,
  { config, database, terminal, confirm }: ReprocessDeps,
  run: SoleRun
): Promise<boolean> {
  const { consumer } = config
  const policy = args.policy ?? consumer.fold.policy
  const timeframes = args.timeframes ?? consumer.fold.timeframes
  const startedMs = performance.now()
  if (args.source === 'topic') await readTopic(args, config, database, terminal)
  const collection = args.source === 'topic' ? 'trades_shadow' : 'trades'
  const deps: DayDeps = {
    database,
    store: tradeStore(database, collection, { includeLate: args.includeLate }),
    states: await logStates(database, consumer, Date.now()),
    reachMs: consumer.fold.latenessLimitMs + consumer.fold.allowedDelayMs
  }
  await run.renew()
  await clearShadowBars(database)
  const accumulator = new ReprocessTally(terminal, args.isAll ? Infinity : SHOWN)
  const symbols = args.symbols ?? (await storedSymbols(database))
  for (const symbol of symbols) {
    for (const date of tradingDatesOf(symbol, args.from, args.to)) {
      terminal.progress(
        `${printable(symbol)} ${date.tradeDate}: ${accumulator.trades} trades so far, ${accumulator.bars} bars`
      )
      await run.check()
      const day = await Day.load(deps, symbol, date, timeframes)
      accumulator.date(day)
      await judgeDay(
        day,
        { policy, latenessLimitMs: consumer.fold.latenessLimitMs },
        database,
        accumulator
      )
    }
  }
  if (args.source === 'topic') await dropShadowTrades(database)
  const seconds = (performance.now() - startedMs) / 1000
  accumulator.lines.end()
  const found = accumulator.report()
  const head = { policy, source: args.source, symbols: symbols.length }
  terminal.write(summary({ ...head, ...found }, seconds))
  const outcome = args.isSwap
    ? await swapWhenSure(args, found, { config, database, terminal, confirm, run }, policy)
    : null
  const rate = Math.round(found.trades / seconds)
  if (args.isJson) {
    const report: ReprocessReport = { ...head, ...found, tradesPerSecond: rate, swap: outcome }
    terminal.write(`${JSON.stringify(report)}\n`)
  }
  return !args.isSwap || (outcome !== null && Object.keys(outcome.skipped).length === 0)
}

type Found = Omit<ReprocessReport, 'policy' | 'source' | 'symbols' | 'tradesPerSecond' | 'swap'>

async function judgeDay(
  day: Day,
  options: { readonly policy: ConditionPolicy; readonly latenessLimitMs: number },
  database: Database,
  accumulator: ReprocessTally
): Promise<void> {
  for (const timeframe of day.timeframes) {
    const open = await judgeTimeframe(day, timeframe, options, async (batch) => {
      await insertShadowBars(
        database,
        batch.map(({ shadow }) => shadow)
      )
      for (const { judged } of batch) accumulator.add(judged)
    })
    accumulator.open += open
  }
}

async function swapWhenSure(
  args: ReprocessArguments,
  found: Found,
  { config, database, terminal, confirm, run }: ReprocessDeps & { readonly run: SoleRun },
  policy: ConditionPolicy
): Promise<SwapOutcome | null> {
  const changes = found.different + found.labelled + found.missing + found.unexpected
  if (changes > 0 && !(await confirm(`Swap ${changes} bars?`))) {
    terminal.write('nothing was swapped; the rebuilt bars stand in bars_shadow\n')
    return null
  }
  const { isForced } = args
  await run.renew()
  const outcome = await swapIn(database, config.consumer, { policy, isForced })
  terminal.write(swapText(outcome))
  return outcome
}

async function readTopic(
  { from, to, symbols, includeLate }: ReprocessArguments,
  { consumer }: CommandConfig,
  database: Database,
  terminal: Terminal
): Promise<void> {
  const fromMs = 'date' in from ? Date.parse(from.date) : from.ms
  const toMs = 'date' in to ? Date.parse(to.date) + 86_400_000 : to.ms
  const reachMs = consumer.fold.latenessLimitMs + AROUND_MS
  await readTopicTrades(consumer, database, {
    fromMs: fromMs - reachMs,
    toMs: toMs + reachMs,
    symbols,
    includeLate,
    progress: (records, of) =>
      terminal.progress(`${consumer.kafka.topic}: ${records} of ${of} records`)
  })
}

/** Counts what was found, and shows it line by line. */
class ReprocessTally {
  readonly lines: LimitedLines
  trades = 0
  bars = 0
  open = 0
  #equal = 0
  #labelled = 0
  #different = 0
  #missing = 0
  #unexpected = 0
  #doubtful = 0
  readonly #dates = new Set<string>()
  readonly #fields = new Map<string, number>()

  constructor(terminal: Terminal, shown: number) {
    this.lines = new LimitedLines(terminal, shown)
  }

  date({ date, slice }: Day): void {
    if (slice.tradeCount > 0) this.#dates.add(date.tradeDate)
    this.trades += slice.tradeCount
  }

  add({ action, differences, doubt, document }: Judged): void {
    this.bars++
    if (action === 'keep') this.#equal++
    else if (action === 'label') this.#labelled++
    else if (action === 'insert') this.#missing++
    else if (action === 'remove') this.#unexpected++
    else this.#different++
    if (differences.length === 0) return
    if (doubt !== null) this.#doubtful++
    for (const { field } of differences) {
      this.#fields.set(field, (this.#fields.get(field) ?? 0) + 1)
    }
    this.lines.add(differenceLine(document, differences, doubt))
  }

  report(): Found {
    return {
      dates: [...this.#dates].toSorted(),
      trades: this.trades,
      bars: this.bars,
      equal: this.#equal,
      labelled: this.#labelled,
      different: this.#different,
      missing: this.#missing,
      unexpected: this.#unexpected,
      open: this.open,
      doubtful: this.#doubtful,
      fields: Object.fromEntries([...this.#fields].toSorted((a, b) => b[1] - a[1]))
    }
  }
}

/** `AAPL 1m 2026-03-10T14:00:00.000Z  close 101 -> 100, volume 30 -> 20`; exact sums only where nothing else differs. */
export function differenceLine(
  { symbol, timeframe, start }: Pick<BarDocument, 'symbol' | 'timeframe' | 'start'>,
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

function summary(
  report: Found & { readonly policy: string; readonly source: string; readonly symbols: number },
  seconds: number
): string {
  const { dates, symbols, trades, bars, policy, source, fields } = report
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
    `${bars} bars of ${symbols} symbols built anew under ${policy} from ${source}, whole trading dates ${range}: ` +
    `${trades} trades in ${seconds.toFixed(1)} s, ${Math.round(trades / seconds)} a second\n` +
    counts +
    (byField === '' ? '' : `differences by field\n${byField}`)
  )
}

function swapText({ replaced, labelled, inserted, removed, skipped }: SwapOutcome): string {
  const reasons = Object.entries(skipped)
    .map(([reason, count]) => `  ${count} stayed: ${reason}\n`)
    .join('')
  return (
    `swapped: ${replaced} replaced, ${labelled} only renamed to the policy, ${inserted} inserted, ${removed} removed\n` +
    `${reasons}forecasts were not touched: they were made from the bars as they stood then\n`
  )
}
