import type { TradeRow } from '@tapedeck/client'
import { conditionText } from '@tapedeck/domain/conditions'
import { $, html, oncePerFrame, setText } from './dom.ts'
import { clockText, exactPriceText, sizeText } from './format.ts'

const ROWS = 50
/** More often nobody can read it, ms. */
const LEAST_MS = 200
interface Row {
  readonly element: HTMLTableRowElement
  readonly cells: readonly HTMLTableCellElement[]
  shown: string
}

/** The latest trades, newest first, in rows that stay and change their texts. */
export class Tape {
  #trades: readonly TradeRow[] = []
  #decimals = 2
  #symbol = ''
  readonly #rows: Row[] = []
  readonly #draw = oncePerFrame(() => this.#drawNow(), LEAST_MS)

  show(symbol: string, trades: readonly TradeRow[], decimals: number): void {
    this.#symbol = symbol
    this.#trades = trades
    this.#decimals = decimals
    this.#draw()
  }

  #drawNow(): void {
    const body = $('trade-rows')
    const trades = this.#trades
    const count = Math.min(ROWS, trades.length)
    for (let at = 0; at < count; at++) {
      const index = trades.length - 1 - at
      this.#fill(this.#row(at, body), trades[index] as TradeRow, trades[index - 1])
    }
    for (const [at, { element }] of this.#rows.entries()) element.hidden = at >= count
    $('trades-empty').hidden = count > 0
    setText($('trades-empty'), `No trade of ${this.#symbol} yet`)
  }

  #row(at: number, body: HTMLElement): Row {
    let row = this.#rows[at]
    if (row === undefined) {
      const cells = ['', 'number', 'number', 'muted'].map((name) => html('td', name))
      const element = html('tr')
      element.append(...cells)
      body.append(element)
      this.#rows.push((row = { element, cells, shown: '' }))
    }
    return row
  }

  /** A price is coloured by the trade before it. */
  #fill(row: Row, trade: TradeRow, before: TradeRow | undefined): void {
    const key = `${trade.id} ${this.#decimals}`
    if (row.shown === key) return
    row.shown = key
    const [time, price, size, conditions] = row.cells as unknown as [
      HTMLElement,
      HTMLElement,
      HTMLElement,
      HTMLElement
    ]
    setText(time, clockText(trade.time, true))
    setText(price, exactPriceText(trade.price, this.#decimals))
    const move = before === undefined ? 0 : trade.price - before.price
    price.className = `number ${move > 0 ? 'up-text' : move < 0 ? 'down-text' : ''}`
    setText(size, sizeText(trade.size))
    const words = conditionText(trade.conditions)
    setText(conditions, words)
    const codes = trade.conditions === null ? 'no codes' : `codes ${trade.conditions.join(' ')}`
    row.element.title = `${trade.session}, ${trade.feed}, ${codes}, sets ${trade.eligible}, ${trade.id}`
  }
}
