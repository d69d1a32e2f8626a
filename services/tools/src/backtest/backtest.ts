import path from 'node:path'
import { TapedeckError, type Env, type Terminal } from '@tapedeck/core'
import type { ForecastSpec, KnownGap, TradeRecord } from '@tapedeck/domain'
import { readCommandConfig } from '../reprocess/command-config.ts'
import { openCommandDatabase } from '../reprocess/command-database.ts'
import type { BacktestArguments } from './arguments.ts'
import { readBacktestConfig } from './backtest-config.ts'
import { BacktestEngine, type EngineCounts } from './engine.ts'
import { specName } from './grid.ts'
import { scoreRows, type ScoreRow } from './score-rows.ts'
import { storedGaps, storedRecords } from './stored-records.ts'
import { TapeRecords } from './tape-records.ts'
import { assertReadable } from './text-lines.ts'
import { timeOfDay, type HalfHour } from './time-of-day.ts'

/** What a backtest found. All but `speed` is the same whenever the same is asked for. */
export interface BacktestResult {
  readonly source: readonly string[]
  readonly policy: string
  readonly forecasts: readonly string[]
  readonly seed: number
  readonly counts: EngineCounts & {
    /** Trades of a tape that a producer would have refused. */
    readonly refused: number
  }
  readonly rows: readonly ScoreRow[]
  readonly halfHours: readonly HalfHour[]
  readonly speed: BacktestSpeed
}

export interface BacktestSpeed {
  /** Reading and playing, without the evaluation at the end. */
  readonly seconds: number
  readonly tradesPerSecond: number
}

export interface BacktestContext {
  readonly env: Env
  readonly terminal: Pick<Terminal, 'progress'>
  /** Monotonic, ms. */
  now(): number
}

interface Opened {
  readonly names: readonly string[]
  readonly gaps: readonly KnownGap[]
  readonly records: AsyncIterable<readonly TradeRecord[]>
  refused(): number
  close(): Promise<void>
}

/**
 * Plays trades through the code that runs live and evaluates every forecast.
 * @throws CONFIG_INVALID, SERVER_MISSING before anything is played; TAPE_INVALID
 */
export async function runBacktest(
  args: BacktestArguments,
  context: BacktestContext
): Promise<BacktestResult> {
  const { terminal, now, env } = context
  const { fold, specs } = readBacktestConfig(env, args)
  const opened = await openTrades(args, env)
  try {
    const engine = new BacktestEngine(fold, specs, opened.gaps)
    const startedMs = now()
    await play(opened, args.symbols, engine, terminal)
    const seconds = (now() - startedMs) / 1000
    terminal.progress('evaluating')
    const results = engine.results()
    const counts = { ...engine.counts(), refused: opened.refused() }
    return {
      source: opened.names,
      policy: fold.policy,
      forecasts: specs.map((spec: ForecastSpec) => specName(spec)),
      seed: args.seed,
      counts,
      rows: scoreRows(results, args.seed),
      halfHours: timeOfDay(results.map(({ outcomes }) => outcomes)),
      speed: { seconds, tradesPerSecond: Math.round(counts.trades / Math.max(seconds, 1e-3)) }
    }
  } finally {
    await opened.close()
  }
}

async function play(
  { records }: Opened,
  symbols: readonly string[] | undefined,
  engine: BacktestEngine,
  terminal: Pick<Terminal, 'progress'>
): Promise<void> {
  const wanted = symbols === undefined ? undefined : new Set(symbols)
  let trades = 0
  for await (const some of records) {
    for (const record of some) {
      if (wanted?.has(record.symbol) === false) continue
      engine.take(record)
      trades += record.trades.length
    }
    const at = some.at(-1)?.receivedAt
    if (at !== undefined) terminal.progress(`${trades} trades, at ${new Date(at).toISOString()}`)
  }
  if (trades === 0) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      'Cannot backtest: no trade was found, expected some of these symbols there'
    )
  }
  engine.finish()
}

async function openTrades({ trades, symbols }: BacktestArguments, env: Env): Promise<Opened> {
  if (trades.kind === 'files') {
    await Promise.all(trades.files.map(assertReadable))
    const tapes = trades.files.map((file, index) => new TapeRecords(file, index))
    return {
      names: trades.files.map((file) => path.basename(file)),
      gaps: [],
      records: inTurn(tapes),
      refused: () => tapes.reduce((sum, tape) => sum + tape.refused, 0),
      close: () => Promise.resolve()
    }
  }
  const database = await openCommandDatabase(readCommandConfig(env))
  try {
    const { from, to } = trades
    return {
      names: [`trades ${nameOf(from)} to ${nameOf(to)}`],
      gaps: await storedGaps(database),
      records: storedRecords(database, trades, symbols),
      refused: () => 0,
      close: () => database.close()
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

function nameOf(end: { readonly date: string } | { readonly ms: number }): string {
  return 'date' in end ? end.date : new Date(end.ms).toISOString()
}

async function* inTurn(tapes: readonly TapeRecords[]): AsyncGenerator<readonly TradeRecord[]> {
  for (const tape of tapes) yield* tape.read()
}
