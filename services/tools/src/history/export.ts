import { open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { commandLine, didYouMean, messageOf, TapedeckError, type Terminal } from '@tapedeck/core'
import {
  isActivity,
  symbolProblem,
  timeframeProblem,
  TIMEFRAME_FORMS,
  WINDOW_LENGTHS,
  windowLength,
  type AnyWindow,
  type Timeframe
} from '@tapedeck/domain'
import {
  BAR_COLUMNS,
  barRow,
  FILLED_BAR_COLUMNS,
  filledBarRow,
  readBarHistory,
  readComposedBars,
  readFilledBars,
  readTradeHistory,
  secondsFrom,
  storedSymbols,
  TRADE_COLUMNS,
  tradeRow,
  type Database,
  type HistoryQuery
} from '@tapedeck/mongo'
import {
  columnsNamed,
  rowWith,
  TABLE_FORMAT_NAMES,
  TABLE_FORMATS,
  type Column,
  type Row,
  type TableFormatName
} from '@tapedeck/table'
import { boundsOf, readRange, type RangeEnd } from '../command/arguments.ts'
import { DATABASE_SETTINGS } from '../command/config.ts'

const KINDS = ['trades', 'bars'] as const
const FILLS = ['null', 'carry'] as const
const ORIGINS = ['utc', 'session'] as const

interface ExportArguments {
  readonly what: (typeof KINDS)[number]
  /** Undefined: every stored symbol. */
  readonly symbols: readonly string[] | undefined
  readonly from: RangeEnd
  readonly to: RangeEnd
  readonly timeframe: Timeframe
  /** Windows that are merged from stored seconds, instead of a timeframe. */
  readonly window: AnyWindow | undefined
  /** What stands in rows for windows without a trade; undefined: they have none. */
  readonly fill: (typeof FILLS)[number] | undefined
  /** Undefined: all. */
  readonly fields: readonly string[] | undefined
  readonly format: TableFormatName
  readonly out: string
  readonly isForced: boolean
}

/** The command line of `npm run export`. */
export const exportCommand = commandLine({
  name: 'export',
  purpose:
    'Writes stored trades or bars to a file: CSV, NDJSON, Parquet or an Arrow IPC stream. The file appears when it is complete.',
  forms: ['-- --symbol A,B --from WHEN --to WHEN --out FILE [--what bars --timeframe 1m]'],
  options: {
    symbol: ['text', 'A,B', 'only these symbols; every stored symbol without it'],
    from: [
      'text',
      'WHEN',
      'a trading date (2026-03-10, inclusive) or a moment (2026-03-10T14:00Z)'
    ],
    to: ['text', 'WHEN', 'the same; a moment is exclusive'],
    out: ['text', 'FILE', 'the file to write; until it is complete it is FILE.partial'],
    format: ['text', 'F', `${TABLE_FORMAT_NAMES.join(', ')}; by the ending of FILE without it`],
    what: ['text', 'W', 'trades (default) or bars'],
    timeframe: ['text', 'T', 'of bars: 1m without it'],
    window: ['text', 'L', 'instead of it: bars of any length (7m) from stored ones of a second'],
    fill: ['text', 'F', 'of bars: null or carry, rows for windows without a trade'],
    origin: ['text', 'O', 'of windows: utc (default) or session, from its begin'],
    fields: ['text', 'A,B', 'only these fields, in this order'],
    force: ['flag', 'replace FILE if it exists']
  },
  settings: DATABASE_SETTINGS,
  notes: 'A range that is still being stored is exported as far as it is stored.',
  exits: ['done', 'the file could not be completed', 'wrong arguments, or no database'],
  example: '-- --symbol AAPL --from 2026-03-09 --to 2026-03-10 --out aapl.parquet',
  read(given): ExportArguments {
    const what = given.choice('what', KINDS) ?? 'trades'
    const timeframe = given.text('timeframe')
    if (timeframe !== undefined && what === 'trades') {
      given.mistake('--timeframe found without --what bars, expected both or neither')
    } else if (timeframe !== undefined && timeframeProblem(timeframe) !== undefined) {
      given.mistake(`--timeframe ${timeframe} found, expected one of ${TIMEFRAME_FORMS}`)
    }
    const window = windowOf(given, given.text('window'), given.choice('origin', ORIGINS))
    if (window !== undefined && (what === 'trades' || timeframe !== undefined)) {
      given.mistake('--window found, expected it with --what bars and without --timeframe')
    }
    const fill = given.choice('fill', FILLS)
    if (fill !== undefined && (what === 'trades' || isOfActivity(timeframe))) {
      given.mistake('--fill found, expected it with --what bars of windows in time')
    }
    const symbols = given.list('symbol')
    given.mistake(...(symbols ?? []).flatMap((one) => symbolProblem(one) ?? []))
    const out = given.text('out') ?? ''
    if (out === '') given.mistake('--out is missing, expected a file to write')
    const fields = given.list('fields')
    const names = columnsOf(what, fill).map(({ name }) => name)
    for (const field of fields ?? []) {
      if (names.includes(field)) continue
      const hint = didYouMean(field, names)
      given.mistake(`--fields ${field} found, expected some of ${names.join(', ')}${hint}`)
    }
    return {
      what,
      symbols,
      ...readRange(given, given.text('from'), given.text('to')),
      timeframe: timeframe ?? '1m',
      window,
      fill,
      fields,
      format: given.choice('format', TABLE_FORMAT_NAMES) ?? byEnding(out) ?? 'csv',
      out,
      isForced: given.flag('force')
    }
  }
})

/** The windows of `--window` and `--origin`; undefined without them, or after a mistake. */
function windowOf(
  given: { mistake(text: string): void },
  text: string | undefined,
  origin: AnyWindow['origin'] | undefined
): AnyWindow | undefined {
  const lengthMs = text === undefined ? undefined : windowLength(text)
  if (text === undefined && origin !== undefined) {
    given.mistake('--origin found without --window, expected both')
  } else if (text !== undefined && lengthMs === undefined) {
    given.mistake(`--window ${text} found, expected ${WINDOW_LENGTHS}`)
  }
  return lengthMs === undefined ? undefined : { lengthMs, origin: origin ?? 'utc' }
}

function isOfActivity(timeframe: Timeframe | undefined): boolean {
  return (
    timeframe !== undefined && timeframeProblem(timeframe) === undefined && isActivity(timeframe)
  )
}

function byEnding(file: string): TableFormatName | undefined {
  const ending = path.extname(file).slice(1)
  return TABLE_FORMAT_NAMES.find((name) => name === ending)
}

function columnsOf(
  what: ExportArguments['what'],
  fill: ExportArguments['fill']
): readonly Column[] {
  if (what === 'trades') return TRADE_COLUMNS
  return fill === undefined ? BAR_COLUMNS : FILLED_BAR_COLUMNS
}

/**
 * Writes the file. It is written beside its place and moved there when all of it is on the disk, so that a run that
 * ends early leaves no file that looks complete.
 * @throws CONFIG_INVALID when the file exists, DATABASE_UNREACHABLE, ABORTED
 */
export async function runExport(
  args: ExportArguments,
  database: Database,
  terminal: Terminal,
  signal: AbortSignal
): Promise<void> {
  const { out, isForced, format, fields, what, fill } = args
  if (!isForced && (await exists(out))) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot export: --out ${out} exists, expected a new file, or --force to replace it`
    )
  }
  const partial = `${out}.partial`
  const file = await open(partial, 'w').catch((cause: unknown) => {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot export: ${messageOf(cause)}, expected a file that can be written`,
      { cause }
    )
  })
  const all = columnsOf(what, fill)
  const columns = fields === undefined ? all : columnsNamed(all, fields)
  const encoder = TABLE_FORMATS[format].encoder(columns)
  const startedAtMs = performance.now()
  let count = 0
  let isDone = false
  try {
    for await (const { rows, atMs, share } of rowsOf(args, database)) {
      if (signal.aborted) throw new TapedeckError('ABORTED', `Stopped: ${out} is not written`)
      for (const part of encoder.write(rows)) await file.appendFile(part)
      count += rows.length
      const percent = Math.floor(share * 100)
      const rate = perSecond(count, startedAtMs)
      terminal.progress(
        `${count} rows, ${rate} rows/s, at ${new Date(atMs).toISOString()}, ${percent} % of the time range`
      )
    }
    for (const part of encoder.end()) await file.appendFile(part)
    await file.sync()
    isDone = true
  } finally {
    await file.close()
    if (!isDone) await rm(partial, { force: true })
  }
  await rename(partial, out)
  terminal.write(`${out}: ${count} rows, ${perSecond(count, startedAtMs)} rows/s\n`)
}

function perSecond(count: number, startedAtMs: number): number {
  return Math.round((count * 1000) / Math.max(1, performance.now() - startedAtMs))
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false
  )
}

/** The rows in order, with how far they reach into the range. */
async function* rowsOf(
  args: ExportArguments,
  database: Database
): AsyncGenerator<{ rows: readonly Row[]; atMs: number; share: number }> {
  const { symbols: named, from, to, window, fields } = args
  const symbols = named ?? (await storedSymbols(database))
  const bounds = new Map(symbols.map((symbol) => [symbol, boundsOf(symbol, from, to)]))
  const fromMs = Math.min(...[...bounds.values()].map((one) => one.fromMs))
  const toMs = Math.max(...[...bounds.values()].map((one) => one.toMs))
  if (symbols.length === 0) return
  const query = { symbols, fromMs, toMs, order: 'asc' } as const
  if (window !== undefined) await secondsFrom(database, query, { nowMs: Date.now(), isAsked: true })
  const batches = batchesOf(args, database, query)
  for await (const batch of batches) {
    // A trading date of a stock begins at another time than one of a symbol that trades round the clock.
    const rows = batch.filter((row) => {
      const own = bounds.get(row['symbol'] as string)
      const time = row['time'] as number
      return own !== undefined && time >= own.fromMs && time < own.toMs
    })
    const atMs = (batch.at(-1)?.['time'] ?? fromMs) as number
    const share = toMs > fromMs ? (atMs - fromMs) / (toMs - fromMs) : 1
    yield {
      rows: fields === undefined ? rows : rows.map((row) => rowWith(row, fields)),
      atMs,
      share
    }
  }
}

function batchesOf(
  { what, timeframe, window, fill }: ExportArguments,
  database: Database,
  query: HistoryQuery
): AsyncGenerator<readonly Row[]> {
  if (what === 'trades') return mapped(readTradeHistory(database, query), tradeRow)
  if (fill !== undefined) {
    const filled = { ...query, windows: window ?? timeframe, fill }
    return mapped(readFilledBars(database, filled), filledBarRow)
  }
  return window === undefined
    ? mapped(readBarHistory(database, { ...query, timeframe }), barRow)
    : mapped(readComposedBars(database, { ...query, window }), barRow)
}

async function* mapped<S>(
  batches: AsyncIterable<readonly S[]>,
  of: (stored: S) => Row
): AsyncGenerator<readonly Row[]> {
  for await (const batch of batches) yield batch.map(of)
}
