import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import {
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  RECORD_VERSION,
  tradeProblem,
  type FeedTrade,
  type TradeRecord
} from '@tapedeck/domain'
import { linesOf } from './text-lines.ts'

const EXPECTED =
  'expected {"s":symbol,"p":price,"t":epoch ms,"v":size,"c":[codes] or null}, ' +
  '{"type":"trade","data":[trades]} or {"t":received ms,"c":connection,"n":number,"f":frame}'
const SHOWN = 120
const FEED = 'recorded'

type Fields = Readonly<Record<string, unknown>>

/**
 * A recorded tape as the records that a producer would have made of it, in the order of the file.
 * Where the tape does not say when a line was received, it is the time of its newest trade so far.
 * A trade that a producer would refuse is counted and left out.
 */
export class TapeRecords {
  readonly #file: string
  readonly #connection: string
  #lineNumber = 0
  #newestMs = 0
  #refused = 0

  /** @param index tells the tapes of one run apart, in their order */
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

  /** A capture holds whatever came over the wire; what is no frame of trades has none. */
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
      const named = tradeOf(value)
      if (named === undefined || index >= Math.min(MAX_FRAME_INDEX, MAX_RECORD_TRADES)) {
        this.#refused++
        continue
      }
      const { symbol, trade } = named
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
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return value as Fields
      }
    } catch {
      // said below
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
  // Recorded tapes say `id`, a number with some sources; frames say `i`.
  const named = i ?? id
  const hasId = typeof named === 'number' || (typeof named === 'string' && named !== '')
  const trade = { p, t, v, ...(c !== undefined && { c }), ...(hasId && { i: String(named) }) }
  if (typeof s !== 'string' || s === '' || tradeProblem(trade) !== undefined) return undefined
  return { symbol: s, trade: trade as FeedTrade }
}
