import { TapedeckError } from '@tapedeck/core'
import {
  holidayName,
  tradesRoundTheClock,
  tradingDateAt,
  tradingDayOf,
  type TradingDate
} from '@tapedeck/domain'
import {
  CAPTURED_TIME,
  captureLines,
  countCaptured,
  storedSymbols,
  type CapturedCollection,
  type CaptureRange,
  type Database
} from '@tapedeck/mongo'
import type { Draft, DraftTable, Manifest } from '@tapedeck/lake'
import type { LineFile } from './line-file.ts'
import { checkStopped, type ModuleContext } from './module.ts'
import { publishing, writeLines } from './publishing.ts'

/** The collections of the tape in the order in which they are read: bars are written after the trades in them. */
const COLLECTIONS = [
  'trades',
  'late_trades',
  'bars',
  'forecasts'
] as const satisfies readonly CapturedCollection[]

/** What a capture of the tape says beside its lines; read by `trust-tape`. */
export interface TapeFacts {
  /** Whether the date had ended when it was captured. */
  readonly isWhole: boolean
  /** Documents after this are left out; the end of the date for one that had ended. Epoch ms by symbol. */
  readonly until: Readonly<Record<string, number>>
  /** What the database counted after all was read, by collection. */
  readonly counted: Readonly<Record<CapturedCollection, number>>
  /** Timeframes of which MongoDB removes old bars (BARS_TTL), so that some of a date may be missing. */
  readonly expiring: readonly string[]
  /** Why nothing was traded, where that is as it should be. */
  readonly noTrading: string | null
}

/** Noon in New York in summer, 11 o'clock in winter: within the trading date of every symbol. */
const NOON_UTC_MS = 16 * 3_600_000
/** Of a date that goes on, the last minutes are left out: their bars may still be written. */
const OPEN_TAIL_MS = 120_000
const MINUTE_MS = 60_000
/** A date that goes on may get trades while it is read. */
const TRIES = 3

/**
 * Copies the documents of a trading date as they are stored into lines of JSON, and publishes them when the database
 * counts as many as were copied.
 * @throws DATABASE_UNREACHABLE; STATE_CORRUPT when the counts differ, or nothing is stored although the exchange was open
 */
export async function captureTape(
  database: Database,
  context: ModuleContext,
  { nowMs = Date.now(), expiring = [] }: { nowMs?: number; expiring?: readonly string[] } = {}
): Promise<Manifest> {
  const { date, terminal } = context
  const ranges = rangesOf(await storedSymbols(database), date, nowMs)
  const manifest = await publishing(context, async (draft) => {
    const { tables, counted } = await copyUnchanged(database, ranges, draft, context)
    const facts: TapeFacts = {
      isWhole: ranges.every(({ isWhole }) => isWhole),
      until: Object.fromEntries(ranges.map(({ symbol, toMs }) => [symbol, toMs])),
      counted,
      expiring,
      noTrading: counted.trades > 0 ? null : await whyNoTrading(database, ranges, date, nowMs)
    }
    return { tables, inputs: [], facts: { ...facts } }
  })
  const { counted, noTrading } = manifest.facts as unknown as TapeFacts
  const all = COLLECTIONS.map((name) => `${counted[name]} ${name.replace('_', ' ')}`).join(', ')
  terminal.write(`${manifest.part}: ${all}${noTrading === null ? '' : ` (${noTrading})`}\n`)
  return manifest
}

/** Copies until the database counts as many as were copied. @throws STATE_CORRUPT when it never does */
async function copyUnchanged(
  database: Database,
  ranges: readonly DateRange[],
  draft: Draft,
  context: ModuleContext
): Promise<{ tables: DraftTable[]; counted: Record<CapturedCollection, number> }> {
  for (let tried = 1; ; tried++) {
    const { tables, copied } = await copyAll(database, ranges, draft, context)
    const counted = await countAll(database, ranges)
    const wrong = COLLECTIONS.filter((name) => counted[name] !== copied[name])
    if (wrong.length === 0) return { tables, counted }
    const said = wrong.map((name) => `${name}: ${copied[name]} copied, ${counted[name]} counted`)
    if (tried >= TRIES) {
      throw new TapedeckError(
        'STATE_CORRUPT',
        `Cannot capture ${context.date}: MongoDB has other counts than were copied (${said.join('; ')}), ` +
          'expected a date that is not written to'
      )
    }
    context.terminal.note(`it changed while it was read, reading again (${said.join('; ')})`)
  }
}

interface DateRange extends CaptureRange {
  readonly isWhole: boolean
}

/** The time of a trading date for each symbol that has it. */
function rangesOf(symbols: readonly string[], date: string, nowMs: number): DateRange[] {
  const openUntilMs = Math.floor((nowMs - OPEN_TAIL_MS) / MINUTE_MS) * MINUTE_MS
  return symbols.flatMap((symbol) => {
    const found: TradingDate = tradingDateAt(symbol, Date.parse(date) + NOON_UTC_MS)
    if (found.tradeDate !== date) return []
    const isWhole = nowMs - OPEN_TAIL_MS >= found.endMs
    const toMs = isWhole ? found.endMs : Math.max(found.startMs, openUntilMs)
    return [{ symbol, fromMs: found.startMs, toMs, isWhole }]
  })
}

async function copyAll(
  database: Database,
  ranges: readonly DateRange[],
  draft: Draft,
  context: ModuleContext
): Promise<{ tables: DraftTable[]; copied: Record<CapturedCollection, number> }> {
  const tables: DraftTable[] = []
  const copied = { trades: 0, late_trades: 0, bars: 0, forecasts: 0 }
  for (const name of COLLECTIONS) {
    const table = await writeLines(draft, name, async (file) => {
      for (const range of ranges) {
        for await (const { text, count } of captureLines(database, name, range)) {
          checkStopped(context)
          await file.writeText(text, count)
          span(file, name, range.symbol, text)
          context.terminal.progress(`${name}: ${file.lines} copied, at ${range.symbol}`)
        }
      }
    })
    copied[name] = table.rows
    tables.push(table)
  }
  return { tables, copied }
}

/** Lines come in the order of their times, so the first and the last one of a batch tell. */
function span(file: LineFile, name: CapturedCollection, symbol: string, lines: Buffer): void {
  file.span('symbol', symbol)
  const column = CAPTURED_TIME[name]
  const first = lines.subarray(0, lines.indexOf('\n'))
  const last = lines.subarray(lines.lastIndexOf('\n', -2) + 1)
  for (const line of [first, last]) {
    const { [column]: at } = JSON.parse(line.toString()) as Readonly<Record<string, unknown>>
    if (typeof at === 'string') file.span(column, at)
  }
}

async function countAll(
  database: Database,
  ranges: readonly DateRange[]
): Promise<Record<CapturedCollection, number>> {
  const counted = { trades: 0, late_trades: 0, bars: 0, forecasts: 0 }
  for (const name of COLLECTIONS) {
    for (const range of ranges) counted[name] += await countCaptured(database, name, range)
  }
  return counted
}

/**
 * Why a date without trades is as it should be. A date on which something should have traded is a failure: an empty table
 * would look like a quiet day. So is one that has begun just now.
 * @throws STATE_CORRUPT
 */
async function whyNoTrading(
  database: Database,
  ranges: readonly DateRange[],
  date: string,
  nowMs: number
): Promise<string> {
  let young = 0
  for (const range of ranges.filter(({ isWhole }) => !isWhole)) {
    const tail = { ...range, fromMs: range.toMs, toMs: nowMs }
    young += await countCaptured(database, 'trades', tail)
  }
  if (young > 0) {
    // Every trade until now is in a minute that is captured then.
    const againMs = Math.floor(nowMs / MINUTE_MS + 1) * MINUTE_MS + OPEN_TAIL_MS
    const again = new Date(againMs).toISOString().replace('.000', '')
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot capture ${date}: its ${young} trades are of the last ${OPEN_TAIL_MS / MINUTE_MS} minutes, whose bars may ` +
        `still be written; run it again after ${again}`
    )
  }
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number)
  const calendar = { year, month, day }
  const isClosed = tradingDayOf(calendar) === 'closed'
  if (isClosed && !ranges.some(({ symbol }) => tradesRoundTheClock(symbol))) {
    return `no trading: ${holidayName(calendar) ?? 'weekend'}`
  }
  throw new TapedeckError(
    'STATE_CORRUPT',
    `Cannot capture ${date}: no trade of that date is stored, expected some because ` +
      (isClosed ? 'some symbols trade round the clock' : 'the exchanges were open')
  )
}
