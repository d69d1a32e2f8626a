import path from 'node:path'
import { readEnv, TapedeckError, type Env, type Terminal } from '@tapedeck/core'
import {
  RULE_VARIABLES,
  rulesOf,
  specName,
  type FoldOptions,
  type ForecastSpec,
  type KnownGap,
  type TradeRecord
} from '@tapedeck/domain'
import {
  eachTrade,
  loadCheckpoints,
  loadGaps,
  storedSymbols,
  type Database,
  type StoredTrade
} from '@tapedeck/mongo'
import { tradingDatesOf, type RangeEnd } from '../command/arguments.ts'
import { readDatabaseConfig, withDatabase } from '../command/config.ts'
import { recordsOfTrades } from '../reprocess/tape-slice.ts'
import type { BacktestArguments } from './arguments.ts'
import { BacktestEngine, type EngineCounts } from './engine.ts'
import { scoreRows, timeOfDay, type HalfHour, type ScoreRow } from './scores.ts'
import { assertReadable, TapeRecords } from './tape-records.ts'

/** The result of a backtest. Everything but `speed` is the same for the same arguments and trades. */
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
  readonly speed: {
    /** Time of reading and playing, without the evaluation. */
    readonly seconds: number
    readonly tradesPerSecond: number
  }
}

export interface BacktestContext {
  readonly env: Env
  readonly terminal: Pick<Terminal, 'progress'>
  /** Monotonic, ms. */
  now(): number
}

/** Trades to play, in order. */
interface Source {
  readonly names: readonly string[]
  readonly gaps: readonly KnownGap[]
  readonly records: AsyncIterable<readonly TradeRecord[]>
  /** Trades left out so far. */
  refused(): number
}

interface Play {
  readonly fold: FoldOptions
  readonly specs: readonly ForecastSpec[]
  readonly symbols: readonly string[] | undefined
  readonly seed: number
}

/**
 * Plays trades through the code of the consumer and evaluates every forecast.
 * @throws CONFIG_INVALID, SERVER_MISSING before anything is played; TAPE_INVALID, DATABASE_UNREACHABLE
 */
export async function runBacktest(
  args: BacktestArguments,
  context: BacktestContext
): Promise<BacktestResult> {
  const { env } = context
  const { trades, symbols, seed } = args
  const { fold: rules, forecasts } = rulesOf(readEnv(env, RULE_VARIABLES))
  const fold = { ...rules, ...(args.policy !== undefined && { policy: args.policy }) }
  const played = { fold, specs: args.specs ?? forecasts, symbols, seed }
  if (trades.kind === 'stored') {
    const { from, to } = trades
    return withDatabase(readDatabaseConfig(env), async (database) => {
      const source = {
        names: [`trades ${textOf(from)} to ${textOf(to)}`],
        gaps: await storedGaps(database),
        records: storedRecords(database, trades, symbols),
        refused: () => 0
      }
      return evaluate(source, played, context)
    })
  }
  await Promise.all(trades.files.map(assertReadable))
  const tapes = trades.files.map((file, index) => new TapeRecords(file, index))
  const source = {
    names: trades.files.map((file) => path.basename(file)),
    gaps: [],
    records: inTurn(tapes),
    refused: () => tapes.reduce((sum, tape) => sum + tape.refused, 0)
  }
  return evaluate(source, played, context)
}

async function evaluate(
  source: Source,
  { fold, specs, symbols, seed }: Play,
  { terminal, now }: BacktestContext
): Promise<BacktestResult> {
  const engine = new BacktestEngine(fold, specs, source.gaps)
  const startedMs = now()
  await play(source, symbols, engine, terminal)
  const seconds = (now() - startedMs) / 1000
  terminal.progress('evaluating')
  const results = engine.results()
  const counts = { ...engine.counts(), refused: source.refused() }
  return {
    source: source.names,
    policy: fold.policy,
    forecasts: specs.map(specName),
    seed,
    counts,
    rows: scoreRows(results, seed),
    halfHours: timeOfDay(results.map(({ outcomes }) => outcomes)),
    speed: { seconds, tradesPerSecond: Math.round(counts.trades / Math.max(seconds, 1e-3)) }
  }
}

async function play(
  { records }: Source,
  symbols: readonly string[] | undefined,
  engine: BacktestEngine,
  terminal: Pick<Terminal, 'progress'>
): Promise<void> {
  const wanted = symbols === undefined ? undefined : new Set(symbols)
  let trades = 0
  for await (const batch of records) {
    for (const record of batch) {
      if (wanted?.has(record.symbol) === false) continue
      const closed = engine.play(record)
      if (closed !== undefined) await closed
      trades += record.trades.length
    }
    const atMs = batch.at(-1)?.receivedAt
    if (atMs !== undefined) {
      terminal.progress(`${trades} trades, at ${new Date(atMs).toISOString()}`)
    }
  }
  if (trades === 0) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      'Cannot backtest: no trades of these symbols were found, expected some'
    )
  }
  await engine.finish()
}

function textOf(end: RangeEnd): string {
  return 'date' in end ? end.date : new Date(end.ms).toISOString()
}

async function* inTurn(tapes: readonly TapeRecords[]): AsyncGenerator<readonly TradeRecord[]> {
  for (const tape of tapes) yield* tape.read()
}

/**
 * Stored trades as the records they arrived in, by time of receipt, one trading date of all symbols at a
 * time. A trade that was received after its date is yielded at the end of that date.
 * @throws DATABASE_UNREACHABLE
 */
async function* storedRecords(
  database: Database,
  { from, to }: { readonly from: RangeEnd; readonly to: RangeEnd },
  wanted: readonly string[] | undefined
): AsyncGenerator<readonly TradeRecord[]> {
  const known = await storedSymbols(database)
  const symbols = wanted === undefined ? known : known.filter((one) => wanted.includes(one))
  const dates = new Map<string, { symbol: string; fromMs: number; toMs: number }[]>()
  for (const symbol of symbols) {
    for (const { tradeDate, startMs, endMs } of tradingDatesOf(symbol, from, to)) {
      const parts = dates.get(tradeDate) ?? []
      parts.push({ symbol, fromMs: startMs, toMs: endMs })
      dates.set(tradeDate, parts)
    }
  }
  for (const [, parts] of [...dates].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found: StoredTrade[] = []
    for (const { symbol, fromMs, toMs } of parts) {
      await eachTrade(database, 'trades', { symbol, fromMs, toMs }, (trade) => {
        found.push(trade)
        return undefined
      })
    }
    yield [...recordsOfTrades(found.sort(byReceipt))]
  }
}

/** Every recorded feed outage, of all partitions. @throws DATABASE_UNREACHABLE */
async function storedGaps(database: Database): Promise<KnownGap[]> {
  const logs = new Set((await loadCheckpoints(database)).map(({ _id }) => _id))
  const gaps = new Map<string, KnownGap>()
  for (const log of logs.size === 0 ? [''] : logs) {
    for (const gap of await loadGaps(database, log)) gaps.set(gap.id, gap)
  }
  return [...gaps.values()]
}

/** By time of receipt, connection and frame. Both ascend in time. */
function byReceipt(a: StoredTrade, b: StoredTrade): number {
  if (a.receivedAtMs !== b.receivedAtMs) return a.receivedAtMs - b.receivedAtMs
  if (a.connection !== b.connection) return a.connection < b.connection ? -1 : 1
  if (a.frame !== b.frame) return a.frame - b.frame
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1
  return a.index - b.index
}
