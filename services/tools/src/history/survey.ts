import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm, stat, type FileHandle } from 'node:fs/promises'
import { LimitedLines, messageOf, printable, TapedeckError, type Terminal } from '@tapedeck/core'
import type { FrameTrade } from '@tapedeck/domain'
import { readTable, type FoundRow, type ReadFormat } from '@tapedeck/table'
import { mapColumns, readTrade, type ColumnMap } from './columns.ts'

/** A file of trades, and how its rows are read. */
export interface TradeFile {
  readonly file: string
  readonly format: ReadFormat
  /** Pairs such as `price=Last`. */
  readonly columns: readonly string[]
  /** Of every row, where the file has no column for it. */
  readonly symbol: string | undefined
}

/** What a file holds, found by reading all of it. */
export interface Survey {
  readonly sha256: string
  readonly bytes: number
  readonly columns: ColumnMap
  readonly trades: number
  readonly badRows: number
  readonly symbols: ReadonlySet<string>
  /** Epoch ms. */
  readonly fromMs: number
  readonly toMs: number
  /** The furthest that a trade lies behind the newest one before it, ms, and its line. */
  readonly backMs: number
  readonly backLine: number
}

/** Bad rows that are named on the terminal; all of them are in the file of bad rows. */
const SHOWN = 20

/**
 * Reads a whole file without storing anything. Each row that is no trade is named with its line, and kept in
 * `FILE.bad.ndjson` unless it is a dry run.
 * @throws CONFIG_INVALID for a file that cannot be read, or columns that are not known
 */
export async function surveyFile(
  given: TradeFile & { readonly isDryRun: boolean },
  terminal: Terminal
): Promise<Survey> {
  const { file, isDryRun } = given
  const [bytes, sha256] = await Promise.all([sizeOf(file), digestOf(file)]).catch(
    (cause: unknown) => {
      throw invalid(`${messageOf(cause)}, expected a file of trades`, cause)
    }
  )
  const lines = new LimitedLines(terminal, SHOWN)
  const bad = new BadRows(`${file}.bad.ndjson`, isDryRun)
  const symbols = new Set<string>()
  let [trades, fromMs, toMs, backMs, backLine] = [0, Infinity, -Infinity, 0, 0]
  let columns: ColumnMap = {}
  try {
    for await (const found of readTrades(given, (map) => (columns = map))) {
      if (found.problem !== undefined) {
        lines.add(`line ${found.line}: ${printable(found.problem)}`)
        await bad.add(found)
        continue
      }
      const { s, t } = found.trade
      trades++
      symbols.add(s)
      if (toMs - t > backMs) [backMs, backLine] = [toMs - t, found.line]
      fromMs = Math.min(fromMs, t)
      toMs = Math.max(toMs, t)
      if (trades % 10_000 === 0)
        terminal.progress(`${trades} trades read, ${bad.count} rows are none`)
    }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    throw invalid(`${messageOf(cause)}, expected ${given.format}`, cause)
  } finally {
    await bad.close()
  }
  lines.end()
  const mapped = Object.entries(columns).map(([field, column]) => `${field} from ${column}`)
  terminal.write(`${file}: ${trades} trades of ${symbols.size} symbols`)
  if (trades > 0)
    terminal.write(`, ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`)
  terminal.write(`; ${mapped.join(', ')}\n`)
  if (bad.count > 0) {
    const where = isDryRun ? '' : `, kept in ${file}.bad.ndjson`
    terminal.write(`${bad.count} rows are no trades${where}\n`)
  }
  return {
    sha256,
    bytes,
    columns,
    trades,
    badRows: bad.count,
    symbols,
    fromMs,
    toMs,
    backMs,
    backLine
  }
}

/** A trade of a file with its line, or a row that is none. */
type FoundTrade =
  | {
      readonly line: number
      readonly trade: Omit<FrameTrade, 'index'>
      readonly problem?: undefined
    }
  | { readonly line: number; readonly problem: string; readonly found: unknown }

/**
 * The trades of a file in order.
 * @param mapped is told how the columns are read, before the first row
 * @throws CONFIG_INVALID when a column is not known; Error when the file cannot be read
 */
export async function* readTrades(
  { file, format, columns: given, symbol }: TradeFile,
  mapped: (columns: ColumnMap) => void = () => undefined
): AsyncGenerator<FoundTrade> {
  let columns: ColumnMap | undefined
  for await (const rows of readTable(file, format)) {
    for (const found of rows) {
      if (found.problem !== undefined) {
        yield { line: found.line, problem: found.problem, found: found.raw }
        continue
      }
      if (columns === undefined) {
        columns = columnsOf(found, given, symbol)
        mapped(columns)
      }
      const { line, row } = found
      const reading = readTrade(row, columns, symbol)
      if (reading.problem === undefined)
        yield { line, trade: { s: reading.symbol, ...reading.trade } }
      else yield { line, problem: reading.problem, found: row }
    }
  }
}

function columnsOf(
  found: Extract<FoundRow, { problem?: undefined }>,
  given: readonly string[],
  symbol: string | undefined
): ColumnMap {
  const { columns, problems } = mapColumns(Object.keys(found.row), given, symbol)
  if (problems.length > 0) throw invalid(problems.join('\n  '))
  return columns
}

function invalid(problem: string, cause?: unknown): TapedeckError {
  return new TapedeckError('CONFIG_INVALID', `Cannot import: ${problem}`, { cause })
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(file, { highWaterMark: 1 << 20 }))
    hash.update(part as Buffer)
  return hash.digest('hex')
}

/** Rows that are no trades, in a file: each with its line and what is wrong with it, as NDJSON. */
class BadRows {
  readonly #file: string
  readonly #isDryRun: boolean
  #handle: FileHandle | undefined
  #count = 0

  constructor(file: string, isDryRun: boolean) {
    this.#file = file
    this.#isDryRun = isDryRun
  }

  get count(): number {
    return this.#count
  }

  async add({ line, problem, found }: Extract<FoundTrade, { problem: string }>): Promise<void> {
    this.#count++
    if (this.#isDryRun) return
    this.#handle ??= await open(this.#file, 'w')
    const row = JSON.stringify({ line, problem, row: found }, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value
    )
    await this.#handle.appendFile(`${row}\n`)
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    // Of an earlier run, which found some.
    if (!this.#isDryRun && this.#handle === undefined) await rm(this.#file, { force: true })
  }
}
