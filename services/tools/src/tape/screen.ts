import { printable, sparkline } from '@tapedeck/core'
import type { TapeState, SymbolState } from './tape-state.ts'

export interface ScreenOptions {
  readonly columns: number
  readonly rows: number
  readonly timeframe: string
  /** Empty while all is well. */
  readonly trouble: string
  /** What is said while all is well: `live`. */
  readonly calm: string
  readonly hasColours: boolean
  readonly nowMs: number
}

const COLOURS = { up: 32, down: 31, dim: 2, bold: 1, warn: 33 } as const
type Colour = keyof typeof COLOURS

/** A cell of a line: the text is cut and padded to the width before it is coloured. */
interface Cell {
  readonly text: string
  readonly width: number
  readonly isRight?: boolean
  readonly colour?: Colour | undefined
}

/** The lines of the terminal: the symbols above, the tape below; as many rows and columns as there are at most. */
export function screenLines(state: TapeState, options: ScreenOptions): string[] {
  const { columns, rows, timeframe, trouble, calm, nowMs } = options
  const line = (cells: readonly Cell[]): string => lineOf(cells, options)
  const shown = Math.max(1, Math.min(state.symbols.size, Math.floor((rows - 5) / 2)))
  const symbols = [...state.symbols.values()].slice(0, shown)
  const left = state.symbols.size - symbols.length
  const [outage] = state.outages.values()
  const status = trouble !== '' ? trouble : outage !== undefined ? `no feed: ${outage}` : calm
  const feed = state.feed === '' ? '' : ` (${state.feed})`
  const lines = [
    line([
      { text: 'tapedeck', width: 10, colour: 'bold' },
      { text: `${status}${feed}`, width: columns - 30, colour: status === calm ? 'up' : 'warn' },
      { text: `${clock(nowMs)} UTC`, width: 20, isRight: true, colour: 'dim' }
    ]),
    line([
      { text: 'symbol', width: 16, colour: 'dim' },
      { text: 'last', width: 12, isRight: true, colour: 'dim' },
      { text: 'change', width: 11, isRight: true, colour: 'dim' },
      { text: '', width: 2 },
      { text: `closes of ${timeframe}`, width: sparkWidth(columns), colour: 'dim' },
      { text: 'forecast', width: 20, isRight: true, colour: 'dim' }
    ]),
    ...symbols.map((one) => line(symbolCells(one, columns))),
    line([
      {
        text: left > 0 ? `and ${left} more symbols, for which there is no room` : '',
        width: columns,
        colour: 'dim'
      }
    ])
  ]
  const room = Math.max(0, rows - lines.length - 1)
  const trades = room === 0 ? [] : state.trades.slice(-room).toReversed()
  for (const { trade, direction } of trades) {
    const eligible = trade.eligible ?? 'unknown'
    const isPriced = eligible.includes('price')
    lines.push(
      line([
        { text: clock(trade.time, true), width: 14, colour: 'dim' },
        { text: trade.symbol, width: 16 },
        { text: number(trade.price), width: 12, isRight: true, colour: colourOf(direction) },
        { text: number(trade.size), width: 12, isRight: true },
        { text: '', width: 2 },
        { text: isPriced ? '' : eligible, width: columns - 56, colour: 'dim' }
      ])
    )
  }
  if (state.dropped > 0) {
    const text = `${state.dropped} trades are not shown: this terminal reads too slowly`
    lines[lines.length - 1] = line([{ text, width: columns, colour: 'warn' }])
  }
  return lines.slice(0, rows)
}

function symbolCells(
  { symbol, last, direction, bars, forecast }: SymbolState,
  columns: number
): Cell[] {
  const closes = bars.flatMap(({ close }) => close ?? [])
  const first = bars[0]?.open ?? closes[0]
  const change = last === undefined || first === undefined ? undefined : last.price / first - 1
  const expected = forecast?.forecast
  const moves = last === undefined || expected === undefined ? 0 : Math.sign(expected - last.price)
  return [
    { text: symbol, width: 16, colour: 'bold' },
    {
      text: last === undefined ? 'no trade yet' : number(last.price),
      width: 12,
      isRight: true,
      colour: last === undefined ? 'dim' : colourOf(direction)
    },
    {
      text: change === undefined ? '' : `${change < 0 ? '' : '+'}${(100 * change).toFixed(2)} %`,
      width: 11,
      isRight: true,
      colour: colourOf(change === undefined ? 0 : Math.sign(change))
    },
    { text: '', width: 2 },
    { text: sparkline(closes.slice(-sparkWidth(columns))), width: sparkWidth(columns) },
    {
      text: expected === undefined ? '' : `${number(expected)} ${arrow(moves)}`,
      width: 20,
      isRight: true,
      colour: colourOf(moves)
    }
  ]
}

function sparkWidth(columns: number): number {
  return Math.max(8, Math.min(30, columns - 62))
}

function lineOf(cells: readonly Cell[], { columns, hasColours }: ScreenOptions): string {
  let left = columns
  let line = ''
  for (const { text, width, isRight = false, colour } of cells) {
    const room = Math.max(0, Math.min(width, left))
    left -= room
    const cut = cutTo(printable(text), room)
    const padded = isRight ? cut.padStart(room) : cut.padEnd(room)
    line +=
      hasColours && colour !== undefined ? `\u001b[${COLOURS[colour]}m${padded}\u001b[0m` : padded
  }
  return line.trimEnd()
}

function cutTo(text: string, width: number): string {
  if (text.length <= width) return text
  return width === 0 ? '' : `${text.slice(0, width - 1)}…`
}

function clock(ms: number, hasMs = false): string {
  return new Date(ms).toISOString().slice(11, hasMs ? 23 : 19)
}

/** Prices from 1 on have two decimals at least; smaller ones the digits that they have. */
function number(value: number): string {
  if (Number.isInteger(value)) return String(value)
  const text = String(value)
  return value >= 1 && (text.split('.')[1]?.length ?? 0) < 2 ? value.toFixed(2) : text
}

function colourOf(direction: number): Colour | undefined {
  return direction > 0 ? 'up' : direction < 0 ? 'down' : undefined
}

function arrow(direction: number): string {
  return direction > 0 ? '↑' : direction < 0 ? '↓' : '='
}
