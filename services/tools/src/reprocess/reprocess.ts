import { printable, type Terminal } from '@tapedeck/core'
import type { ConditionPolicy, Rules } from '@tapedeck/domain'
import type { KafkaConfig } from '@tapedeck/kafka'
import {
  clearShadowBars,
  dropShadowTrades,
  insertShadowBars,
  storedSymbols,
  type Database
} from '@tapedeck/mongo'
import { tradingDatesOf } from '../command/arguments.ts'
import type { ReprocessArguments } from './arguments.ts'
import { compareTimeframe, shadowOf } from './compare-day.ts'
import { Differences, reportText, swapText, type ReprocessReport } from './report.ts'
import { asSoleRun, type SoleRun } from './sole-run.ts'
import { swapIn, type SwapOutcome } from './swap.ts'
import { logStates, SymbolDay } from './symbol-day.ts'
import { readTopicTrades } from './topic-trades.ts'

export interface ReprocessDeps {
  readonly rules: Rules
  readonly database: Database
  /** Where `--source topic` reads from; undefined with the source `trades`. */
  readonly kafka: KafkaConfig | undefined
  readonly terminal: Terminal
  /** Asks whether the swap may begin. */
  confirm(question: string): Promise<boolean>
}

/** Trades read from the topic before and after a range, for the last prices before it: a long weekend. */
const AROUND_MS = 6 * 86_400_000

/**
 * Rebuilds the bars of a range into `bars_shadow` by symbol and date, prints the differences, and swaps
 * the rebuilt bars in when asked to.
 * @returns whether all that was asked for was done
 * @throws RUN_IN_PROGRESS while another run uses the shadow collections
 */
export function runReprocess(args: ReprocessArguments, deps: ReprocessDeps): Promise<boolean> {
  return asSoleRun(deps.database, (run) => reprocess(args, deps, run))
}

async function reprocess(
  args: ReprocessArguments,
  deps: ReprocessDeps,
  run: SoleRun
): Promise<boolean> {
  const { rules, database, kafka, terminal } = deps
  const policy = args.policy ?? rules.fold.policy
  const startedMs = performance.now()
  if (kafka !== undefined) await readTopic(args, kafka, deps)
  const symbols = args.symbols ?? (await storedSymbols(database))
  await run.renew()
  await clearShadowBars(database)
  const differences = await compareAll(args, policy, symbols, deps, run)
  if (kafka !== undefined) await dropShadowTrades(database)
  const seconds = (performance.now() - startedMs) / 1000
  differences.end()
  const found = {
    policy,
    source: args.source,
    symbols: symbols.length,
    ...differences.report(),
    tradesPerSecond: Math.round(differences.trades / seconds)
  }
  terminal.write(reportText(found, seconds))
  const swap = args.isSwap ? await swapWhenSure(args, found, deps, run) : null
  if (args.isJson) {
    const report: ReprocessReport = { ...found, swap }
    terminal.write(`${JSON.stringify(report)}\n`)
  }
  return !args.isSwap || (swap !== null && Object.keys(swap.skipped).length === 0)
}

async function compareAll(
  { from, to, timeframes, source, includeLate, isAll }: ReprocessArguments,
  policy: ConditionPolicy,
  symbols: readonly string[],
  { rules, database, terminal }: ReprocessDeps,
  run: SoleRun
): Promise<Differences> {
  const { latenessLimitMs, allowedDelayMs } = rules.fold
  const dayDeps = {
    database,
    collection: source === 'topic' ? 'trades_shadow' : 'trades',
    includeLate,
    states: await logStates(database, rules, Date.now()),
    reachMs: latenessLimitMs + allowedDelayMs
  } as const
  const differences = new Differences(terminal, isAll)
  for (const symbol of symbols) {
    for (const date of tradingDatesOf(symbol, from, to)) {
      const { trades, bars } = differences
      terminal.progress(
        `${printable(symbol)} ${date.tradeDate}: ${trades} trades so far, ${bars} bars`
      )
      await run.check()
      const day = await SymbolDay.load(dayDeps, symbol, date, timeframes ?? rules.fold.timeframes)
      differences.addDate(day)
      for (const timeframe of day.timeframes) {
        const options = { policy, latenessLimitMs }
        differences.open += await compareTimeframe(day, timeframe, options, async (batch) => {
          await insertShadowBars(database, batch.map(shadowOf))
          for (const comparison of batch) differences.add(comparison)
        })
      }
    }
  }
  return differences
}

async function swapWhenSure(
  { isForced }: ReprocessArguments,
  { policy, different, labelled, missing, unexpected }: Omit<ReprocessReport, 'swap'>,
  { rules, database, terminal, confirm }: ReprocessDeps,
  run: SoleRun
): Promise<SwapOutcome | null> {
  const changes = different + labelled + missing + unexpected
  if (changes > 0 && !(await confirm(`Swap ${changes} bars?`))) {
    terminal.write('nothing was swapped; the rebuilt bars are in bars_shadow\n')
    return null
  }
  await run.renew()
  const outcome = await swapIn(database, rules, { policy, isForced })
  terminal.write(swapText(outcome))
  return outcome
}

async function readTopic(
  { from, to, symbols, includeLate }: ReprocessArguments,
  kafka: KafkaConfig,
  { rules: { fold }, database, terminal }: ReprocessDeps
): Promise<void> {
  const fromMs = 'date' in from ? Date.parse(from.date) : from.ms
  const toMs = 'date' in to ? Date.parse(to.date) + 86_400_000 : to.ms
  const reachMs = fold.latenessLimitMs + AROUND_MS
  await readTopicTrades(kafka, database, {
    fold,
    fromMs: fromMs - reachMs,
    toMs: toMs + reachMs,
    symbols,
    includeLate,
    progress: (records, of) => terminal.progress(`${kafka.topic}: ${records} of ${of} records`)
  })
}
