import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { createGunzip } from 'node:zlib'
import { isObject, messageOf, TapedeckError } from '@tapedeck/core'
import {
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  RECORD_VERSION,
  tradeProblem,
  type FeedTrade,
  type TradeRecord
} from '@tapedeck/domain'

const EXPECTED =
  'expected {"s":symbol,"p":price,"t":epoch ms,"v":size,"c":[codes] or null}, ' +
  '{"type":"trade","data":[trades]} or {"t":received ms,"c":connection,"n":number,"f":frame}'
const SHOWN = 120
const FEED = 'recorded'

type Fields = Readonly<Record<string, unknown>>

/**
 * The records that a producer would make of a recorded tape, in the order of the file. A line without
 * a receive time gets the time of the newest trade so far. Trades that a producer would refuse are
 * counted and left out.
 */
export class TapeRecords {
  readonly #file: string
  readonly #connection: string
  #lineNumber = 0
  #newestMs = 0
  #refused = 0

  /** @param index position of this tape in the run; it goes into the connection id */
  constructor(file: string, index: number) {
    this.#file = file
    this.#connection = `tape${String(index).padStart(4, '0')}`
  }

  /** Trades a producer would have refused. */
  get refused(): number {
    return this.#refused
  }

  /** @throws TAPE_INVALID that names the line */
  async *read(): AsyncGenerator<readonly TradeRecord[]> {
    for await (const lines of linesOf(this.#file)) {
      const records: TradeRecord[] = []
      for (const line of lines) {
        this.#lineNumber++
        if (line !== '' && line !== '\r') this.#add(records, line)
      }
      yield records
    }
  }

  #add(records: TradeRecord[], line: string): void {
    const value = this.#parsed(line)
    if (typeof value['s'] === 'string') this.#addTrades(records, [value], undefined)
    else if (value['type'] === 'trade' && Array.isArray(value['data'])) {
      this.#addTrades(records, value['data'] as readonly unknown[], undefined)
    } else if (typeof value['f'] === 'string') this.#addCaptured(records, value, value['f'])
    else if (typeof value['type'] !== 'string') throw this.#invalid(line)
  }

  /** A capture holds every frame of the connection; those without trades are skipped. */
  #addCaptured(records: TradeRecord[], { t }: Fields, text: string): void {
    let frame: unknown
    try {
      frame = JSON.parse(text)
    } catch {
      return
    }
    if (typeof frame !== 'object' || frame === null || !('data' in frame)) return
    if (!Array.isArray(frame.data)) return
    const receivedAt = typeof t === 'number' ? t : undefined
    this.#addTrades(records, frame.data as readonly unknown[], receivedAt)
  }

  #addTrades(
    records: TradeRecord[],
    values: readonly unknown[],
    receivedAt: number | undefined
  ): void {
    const groups = new Map<string, { indexes: number[]; trades: FeedTrade[] }>()
    for (const [index, value] of values.entries()) {
      const found = tradeOf(value)
      if (found === undefined || index >= Math.min(MAX_FRAME_INDEX, MAX_RECORD_TRADES)) {
        this.#refused++
        continue
      }
      const { symbol, trade } = found
      this.#newestMs = Math.max(this.#newestMs, trade.t)
      let group = groups.get(symbol)
      if (group === undefined) groups.set(symbol, (group = { indexes: [], trades: [] }))
      group.indexes.push(index)
      group.trades.push(trade)
    }
    for (const [symbol, { indexes, trades }] of groups) {
      records.push({
        version: RECORD_VERSION,
        feed: FEED,
        symbol,
        connection: this.#connection,
        frame: this.#lineNumber,
        receivedAt: receivedAt ?? this.#newestMs,
        indexes,
        trades
      })
    }
  }

  #parsed(line: string): Fields {
    try {
      const value: unknown = JSON.parse(line)
      if (isObject(value)) return value
    } catch {
      // reported below
    }
    throw this.#invalid(line)
  }

  #invalid(line: string): TapedeckError {
    const shown = line.length > SHOWN ? `${line.slice(0, SHOWN)}...` : line.trimEnd()
    return new TapedeckError(
      'TAPE_INVALID',
      `Cannot read line ${this.#lineNumber} of ${path.basename(this.#file)}: found '${shown}', ${EXPECTED}`
    )
  }
}

function tradeOf(value: unknown): { symbol: string; trade: FeedTrade } | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { s, p, t, v, c, i, id } = value as Fields
  // The vendor's id is `id` in recorded tapes, a number in some of them, and `i` in frames.
  const vendorId = i ?? id
  const hasId = typeof vendorId === 'number' || (typeof vendorId === 'string' && vendorId !== '')
  const trade = { p, t, v, ...(c !== undefined && { c }), ...(hasId && { i: String(vendorId) }) }
  if (typeof s !== 'string' || s === '' || tradeProblem(trade) !== undefined) return undefined
  return { symbol: s, trade: trade as FeedTrade }
}

/** A longer line is neither a trade nor a frame; without a limit a wrong file would fill the memory. */
const MAX_LINE = 16 * 1024 * 1024

/** @throws CONFIG_INVALID for a file that cannot be read */
export async function assertReadable(file: string): Promise<void> {
  try {
    await access(file)
  } catch (cause) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot backtest: --file ${file} cannot be read, expected a .ndjson or .ndjson.gz file`,
      { cause }
    )
  }
}

/**
 * The lines of a text file, gzipped or not, in batches of one read.
 * @throws TAPE_INVALID
 */
async function* linesOf(file: string): AsyncGenerator<readonly string[]> {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 })
  const text = file.endsWith('.gz') ? stream.pipe(createGunzip({ chunkSize: 1 << 18 })) : stream
  // A pipe does not forward errors.
  if (text !== stream) stream.on('error', (error) => text.destroy(error))
  text.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of text) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE) throw new RangeError(`a line is longer than ${MAX_LINE}`)
      if (lines.length > 0) yield lines
    }
  } catch (cause) {
    if (cause instanceof TapedeckError) throw cause
    throw new TapedeckError('TAPE_INVALID', `Cannot read the tape ${file}: ${messageOf(cause)}`, {
      cause
    })
  } finally {
    stream.destroy()
  }
  if (rest !== '') yield [rest]
}
