import { printable, type Terminal } from '@tapedeck/core'
import type { ConditionPolicy, Rules } from '@tapedeck/domain'
import type { KafkaConfig } from '@tapedeck/kafka'
import {
  clearShadowBars,
  dropShadowTrades,
  eachSwap,
  insertShadowBars,
  storedSymbols,
  swapBars,
  type Database,
  type ShadowBarDocument
} from '@tapedeck/mongo'
import { tradingDatesOf } from '../command/arguments.ts'
import type { ReprocessArguments } from './arguments.ts'
import { compareTimeframe, shadowOf } from './compare.ts'
import {
  Differences,
  reportText,
  swapText,
  type ReprocessReport,
  type SwapOutcome
} from './report.ts'
import { asSoleRun, type SoleRun } from './sole-run.ts'
import {
  finalMsOf,
  isBeyondLateness,
  isReleased,
  logStates,
  SymbolDay,
  type LogState
} from './symbol-day.ts'
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

interface SwapOptions {
  readonly policy: ConditionPolicy
  readonly isForced: boolean
}

const CHANGED = 'changed during the run; run it again'
const IN_MEMORY = 'ended less than a minute ago, the consumer may still hold it'
const OTHER_RULES =
  'trades may still come in late, and the consumer would add them under other rules: ' +
  'set CONDITION_POLICY, restart the consumer, run this again'
const IN_DOUBT = 'is in doubt; see the list above'
const IN_DOUBT_AND_OPEN = 'is in doubt while the consumer runs and trades may still come in late'

/**
 * Rebuilds the bars of a range into `bars_shadow` by symbol and date, prints the differences, and swaps
 * the rebuilt bars in when asked to.
 * @returns whether all that was asked for was done
 * @throws RUN_IN_PROGRESS while another run uses the shadow collections
 */
export function runReprocess(args: ReprocessArguments, deps: ReprocessDeps): Promise<boolean> {
  return asSoleRun(deps.database, (run) => rebuildRange(args, deps, run))
}

async function rebuildRange(
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

/**
 * Replaces each stored bar that differs from its rebuilt one, unless it changed since the comparison.
 * @throws DATABASE_UNREACHABLE
 */
async function swapIn(
  database: Database,
  rules: Rules,
  options: SwapOptions
): Promise<SwapOutcome> {
  const states = await logStates(database, rules, Date.now())
  const counts = { replace: 0, label: 0, insert: 0, remove: 0, keep: 0 }
  const skipped = new Map<string, number>()
  const skip = (reason: string): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1)
  await eachSwap(database, async (batch) => {
    const ready: ShadowBarDocument[] = []
    for (const bar of batch) {
      const obstacle = obstacleTo(bar, states.get(bar.source.log), rules, options)
      if (obstacle === undefined) ready.push(bar)
      else skip(obstacle)
    }
    if (ready.length === 0) return
    const stayed = await swapBars(database, ready, new Date())
    for (const { _id, reprocess } of ready) {
      if (stayed.has(_id)) skip(CHANGED)
      else counts[reprocess.action]++
    }
  })
  return {
    replaced: counts.replace,
    labelled: counts.label,
    inserted: counts.insert,
    removed: counts.remove,
    skipped: Object.fromEntries(skipped)
  }
}

/** Why a bar may not be swapped now; undefined when it may. */
function obstacleTo(
  bar: ShadowBarDocument,
  state: LogState | undefined,
  { fold }: Rules,
  { policy, isForced }: SwapOptions
): string | undefined {
  const finalMs = finalMsOf(bar)
  const isComplete = isBeyondLateness(state, finalMs, fold.latenessLimitMs)
  const isRead = state?.isRead === true
  if (!isReleased(state, finalMs)) return IN_MEMORY
  const isOtherPolicy = fold.policy !== policy || (isRead && state.policy !== policy)
  if (isOtherPolicy && !isComplete) return OTHER_RULES
  if (bar.reprocess.doubt === null || (isForced && (isComplete || !isRead))) return undefined
  return isForced ? IN_DOUBT_AND_OPEN : IN_DOUBT
}
