import type { TradeRow } from '@tapedeck/client'
import { conditionText } from '@tapedeck/domain/conditions'
import { $, html, oncePerFrame, setText, watchView, type View } from './dom.ts'
import { clockText, exactPriceText, sizeText } from './format.ts'

const ROWS = 50
/** More often nobody can read it, ms. */
const LEAST_MS = 200
/** The height of a row, CSS pixels; page.css has the same. */
const ROW_HEIGHT = 20

interface Row {
  readonly element: HTMLTableRowElement
  readonly cells: readonly HTMLTableCellElement[]
  shown: string
}

/** The latest trades, newest first. Only the rows in view exist; they stay and change their texts. */
export class Tape {
  #trades: readonly TradeRow[] = []
  #decimals = 2
  #symbol = ''
  readonly #rows: Row[] = []
  /** As high as the rows that are scrolled out of view. */
  readonly #above = spacer()
  readonly #below = spacer()
  readonly #view: View
  readonly #draw = oncePerFrame(() => this.#drawNow(), LEAST_MS)

  constructor() {
    const redraw = oncePerFrame(() => this.#drawNow())
    this.#view = watchView($('tape-scroll'), redraw)
    $('trade-rows').append(this.#above, this.#below)
  }

  show(symbol: string, trades: readonly TradeRow[], decimals: number): void {
    this.#symbol = symbol
    this.#trades = trades
    this.#decimals = decimals
    this.#draw()
  }

  #drawNow(): void {
    const trades = this.#trades
    const count = Math.min(ROWS, trades.length)
    // The head of the table covers about one row, so that the first one may be beneath it.
    const from = Math.min(count, Math.floor(this.#view.top / ROW_HEIGHT))
    const to = Math.min(count, Math.ceil((this.#view.top + this.#view.height) / ROW_HEIGHT))
    for (let at = from; at < to; at++) {
      const index = trades.length - 1 - at
      this.#fill(this.#row(at - from), trades[index] as TradeRow, trades[index - 1])
    }
    for (const [at, { element }] of this.#rows.entries()) element.hidden = at >= to - from
    this.#above.style.height = `${from * ROW_HEIGHT}px`
    this.#below.style.height = `${(count - to) * ROW_HEIGHT}px`
    $('trades-empty').hidden = count > 0
    setText($('trades-empty'), `No trade of ${this.#symbol} yet`)
  }

  #row(at: number): Row {
    let row = this.#rows[at]
    if (row === undefined) {
      const cells = ['', 'number', 'number', 'muted'].map((name) => html('td', name))
      const element = html('tr')
      element.append(...cells)
      this.#below.before(element)
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

function spacer(): HTMLTableRowElement {
  const element = html('tr')
  element.setAttribute('aria-hidden', 'true')
  return element
}
