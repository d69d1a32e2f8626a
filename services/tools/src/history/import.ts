import { commandLine, printable, systemClock, TapedeckError, type Terminal } from '@tapedeck/core'
import {
  encodeTradeRecord,
  recordsOf,
  symbolProblem,
  tradingDateAt,
  type FrameTrade,
  type Rules
} from '@tapedeck/domain'
import { partitionEnds, Publisher, type KafkaConfig, type OutgoingRecord } from '@tapedeck/kafka'
import {
  beginImport,
  countImported,
  findImport,
  findStoredOffsets,
  noteImport,
  type Database,
  type ImportDocument
} from '@tapedeck/mongo'
import { formatOfFile, READ_FORMATS } from '@tapedeck/table'
import { DATABASE_SETTINGS } from '../command/config.ts'
import { readTrades, type Survey, type TradeFile } from './survey.ts'

interface ImportArguments extends TradeFile {
  readonly feed: string
  readonly isDryRun: boolean
  /** Whether trades may be further out of order than the consumer allows. */
  readonly isLateAllowed: boolean
}

/** The command line of `npm run import`. */
export const importCommand = commandLine({
  name: 'import',
  purpose:
    'Publishes the trades of a file to raw_data, as if a feed had sent them, so that they become trades and bars. ' +
    'A file that was imported before is not published again.',
  forms: ['-- FILE [--symbol A] [--columns price=Last,size=Qty] [--feed NAME] [--dry-run]'],
  options: {
    format: ['text', 'F', `${READ_FORMATS.join(', ')}; by the ending of FILE without it`],
    columns: [
      'text',
      'F=C,…',
      'which column each of time, symbol, price, size, conditions and vendorId is read from'
    ],
    symbol: ['text', 'A', 'the symbol of every row, for a file without a column for it'],
    feed: ['text', 'NAME', 'the feed of the trades (imported)'],
    'allow-late': ['flag', 'also when rows go back in time by more than LATENESS_LIMIT'],
    'dry-run': ['flag', 'read the whole file, say what would be imported, and change nothing']
  },
  settings: {
    ...DATABASE_SETTINGS,
    KAFKA_BROKERS: 'the same for the broker',
    LATENESS_LIMIT: 'how far rows may go back in time, as in the consumer'
  },
  notes: 'Rows that are no trades are named with their line and kept in FILE.bad.ndjson.',
  exits: [
    'done',
    'some rows are no trades, or not all was published',
    'wrong arguments, or a server is missing'
  ],
  example: '-- aapl-2026-03-10.csv --symbol AAPL --columns price=Last',
  takesOperands: true,
  read(given): ImportArguments {
    const [file = '', ...more] = given.operands
    if (file === '') given.mistake('no file found, expected one of CSV, NDJSON or Parquet')
    if (more.length > 0) given.mistake(`${more.join(' ')} found, expected one file`)
    const format = given.choice('format', READ_FORMATS) ?? formatOfFile(file)
    if (format === undefined && file !== '' && given.text('format') === undefined) {
      given.mistake(
        `${file} found, expected --format ${READ_FORMATS.join(', ')}, or such an ending`
      )
    }
    const symbol = given.text('symbol')
    const problem = symbol === undefined ? undefined : symbolProblem(symbol)
    if (problem !== undefined) given.mistake(`--symbol: ${problem}`)
    const feed = given.text('feed') ?? 'imported'
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(feed)) {
      given.mistake(`--feed ${feed} found, expected 1 to 100 letters, digits, dots, dashes`)
    }
    return {
      file,
      format: format ?? 'csv',
      columns: given.list('columns') ?? [],
      symbol,
      feed,
      isDryRun: given.flag('dry-run'),
      isLateAllowed: given.flag('allow-late')
    }
  }
})

interface ImportTargets {
  readonly database: Database
  readonly kafka: KafkaConfig
  readonly rules: Rules
}

/** Trades in a frame: a record has at most so many of one symbol. */
const FRAME_TRADES = 100
/** Records in a send at most: a run that is killed leaves as many in doubt. */
const SEND_RECORDS = 200

/**
 * Publishes the trades of a surveyed file in its order. The ids of trades follow from the bytes of the file, and the
 * frames that the broker has are noted: a run that was cut off goes on there, and what it repeats is recognised by the
 * consumer as published twice.
 * @throws CONFIG_INVALID when the file was imported in another way before, or is too far out of order; PUBLISH_FAILED
 */
export async function runImport(
  args: ImportArguments,
  survey: Survey,
  { database, kafka, rules }: ImportTargets,
  terminal: Terminal,
  signal: AbortSignal
): Promise<void> {
  const { file, feed } = args
  if (survey.trades === 0) return
  if (!args.isLateAllowed) checkOrder(survey, rules.fold.latenessLimitMs)
  const connection = `${survey.sha256.slice(0, 24)}import`
  const before = await findImport(database, connection)
  const columns = {
    ...survey.columns,
    ...(args.symbol !== undefined && { symbol: `--symbol ${args.symbol}` })
  }
  if (before !== undefined) checkSame(before, feed, columns, file)
  if (before?.doneAt instanceof Date) {
    terminal.write(
      `imported already as ${printable(before.file)} at ${before.doneAt.toISOString()}: nothing is published\n`
    )
    return
  }
  const document = before ?? {
    _id: connection,
    sha256: survey.sha256,
    file,
    bytes: survey.bytes,
    feed,
    columns,
    trades: survey.trades,
    badRows: survey.badRows,
    from: new Date(survey.fromMs),
    to: new Date(survey.toMs),
    publishedFrames: 0,
    startedAt: new Date(),
    doneAt: null
  }
  if (before === undefined) await beginImport(database, document)
  await publish(args, document, { database, kafka }, terminal, signal)
  await reportStored(document, survey, { database, kafka }, terminal, signal)
}

function checkOrder({ backMs, backLine }: Survey, limitMs: number): void {
  if (backMs <= limitMs) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot import: line ${backLine} lies ${hours(backMs)} behind an earlier one, expected ${hours(limitMs)} at most ` +
      '(LATENESS_LIMIT): sort the file by time, or use --allow-late, and such trades are in no bar'
  )
}

function hours(ms: number): string {
  return ms < 3_600_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.round(ms / 360_000) / 10} h`
}

/** The same bytes read in another way would be other trades under the same ids. */
function checkSame(
  before: ImportDocument,
  feed: string,
  columns: Readonly<Record<string, string>>,
  file: string
): void {
  const [then, now] = [wayText(before.feed, before.columns), wayText(feed, columns)]
  if (then === now) return
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot import: ${file} was imported with ${then}, found ${now}, expected the same`
  )
}

function wayText(feed: string, columns: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(columns).map(([field, column]) => `${field} from ${column}`)
  return [`feed ${feed}`, ...pairs.toSorted()].join(', ')
}

async function publish(
  args: TradeFile,
  { _id: connection, feed, startedAt, publishedFrames, trades: total }: ImportDocument,
  { database, kafka }: Pick<ImportTargets, 'database' | 'kafka'>,
  terminal: Terminal,
  signal: AbortSignal
): Promise<void> {
  const publisher = new Publisher(kafka, { clientId: 'tapedeck-import', topic: kafka.topic })
  const receivedAt = startedAt.getTime()
  let [frame, trades] = [0, 0]
  let waiting: OutgoingRecord[] = []
  const startedAtMs = performance.now()
  const send = async (): Promise<void> => {
    if (waiting.length > 0) await publisher.send(waiting)
    waiting = []
    await noteImport(database, connection, { publishedFrames: frame, doneAt: null })
    const rate = Math.round((trades * 1000) / Math.max(1, performance.now() - startedAtMs))
    terminal.progress(
      `${trades} of ${total} trades published, ${rate} trades/s, ${Math.floor((100 * trades) / total)} %`
    )
  }
  const add = async (frameTrades: readonly FrameTrade[]): Promise<void> => {
    frame++
    trades += frameTrades.length
    if (frame <= publishedFrames) return
    const records = recordsOf(frameTrades, { feed, connection, frame, receivedAt })
    if (waiting.length + records.length > SEND_RECORDS) {
      frame--
      await send()
      frame++
    }
    waiting.push(...records.map(encodeTradeRecord))
  }
  try {
    let batch: FrameTrade[] = []
    for await (const { trade } of tradesOf(args)) {
      batch.push({ ...trade, index: batch.length })
      if (batch.length < FRAME_TRADES) continue
      await add(batch)
      batch = []
      if (signal.aborted) {
        throw new TapedeckError('ABORTED', 'Stopped: the same command goes on where it was')
      }
    }
    if (batch.length > 0) await add(batch)
    await send()
    if (trades !== total) {
      throw new TapedeckError(
        'TAPE_INVALID',
        `Cannot import: ${args.file} has ${trades} trades, expected ${total}: it has changed meanwhile`
      )
    }
  } finally {
    await publisher.close()
  }
  await noteImport(database, connection, { publishedFrames: frame, doneAt: new Date() })
}

async function* tradesOf(file: TradeFile): AsyncGenerator<{ trade: Omit<FrameTrade, 'index'> }> {
  for await (const found of readTrades(file)) if (found.problem === undefined) yield found
}

const POLL_MS = 250
/** A consumer that stores nothing for this long is taken for one that does not run. */
const IDLE_LIMIT_MS = 15_000

/** Waits until the consumer has stored what was published, and says what became of it. */
async function reportStored(
  { _id: connection, trades }: ImportDocument,
  { symbols, fromMs, toMs }: Survey,
  { database, kafka }: Pick<ImportTargets, 'database' | 'kafka'>,
  terminal: Terminal,
  signal: AbortSignal
): Promise<void> {
  terminal.write(`${trades} trades are published to ${kafka.topic}\n`)
  const ends = await partitionEnds(kafka)
  let missing = Infinity
  for (let movedAtMs = performance.now(); missing > 0 && !signal.aborted;) {
    const stored = await findStoredOffsets(database, kafka.topic, IDLE_LIMIT_MS)
    const left = [...ends].reduce(
      (sum, [at, end]) => sum + Math.max(0, end - (stored.get(at) ?? 0)),
      0
    )
    if (left < missing) movedAtMs = performance.now()
    missing = left
    if (missing > 0 && performance.now() - movedAtMs > IDLE_LIMIT_MS) break
    if (missing > 0) await systemClock.delay(POLL_MS, signal)
    terminal.progress(`${missing} records are not stored yet`)
  }
  if (missing > 0) {
    terminal.write('They are not all stored yet: the consumer stores them when it runs\n')
    return
  }
  const { stored, excluded } = await countImported(database, connection)
  terminal.write(`${stored} are stored\n`)
  if (excluded === 0) return
  const [first = ''] = symbols
  const dateOf = (ms: number): string => tradingDateAt(first, ms).tradeDate
  const names = symbols.size <= 20 ? ` --symbols ${[...symbols].join(',')}` : ''
  terminal.write(
    `${excluded} of them came after newer trades and are in no bar yet; their bars are made by\n` +
      `  npm run reprocess -- --from ${dateOf(fromMs)} --to ${dateOf(toMs)}${names} --include-late --swap\n`
  )
}
