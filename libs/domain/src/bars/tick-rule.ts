import { RETURN_SCALE } from './accumulator.ts'

/** The last prints by trading date, each as a line such as 189.25uAAPL: compact in a checkpoint. */
export type TickState = Readonly<Record<string, string>>

interface LastPrint {
  readonly symbol: string
  price: number
  /** 1 up, -1 down, 0 until a second price was seen. */
  direction: number
  tradeDate: string
}

export interface Tick {
  readonly direction: number
  /** Squared log return in units of 1e-8, rounded to 1e-16; 0 on the first print of a trading date. */
  readonly squaredReturn: number
}

/** One print of the state: price, direction, symbol. */
const PRINT = /^([\d.e+-]+)([dzu])(.+)$/
const SIGNS = ['d', 'z', 'u']
const STILL_SIGN = 'z'

/**
 * Infers the direction of each trade by the tick rule: up above the previous price, down below it, and
 * the direction of the last move at the same price. "Previous" follows the order in which the feed sent
 * the trades, so that the direction is a property of the trade.
 * Source: Lee & Ready (1991), Inferring trade direction from intraday data, the tick test.
 */
export class TickRule {
  readonly #last = new Map<string, LastPrint>()
  /** The state of the last symbol, because all trades of a record are of one symbol. */
  #recent: LastPrint | undefined

  constructor(state: TickState = {}) {
    for (const [tradeDate, prints] of Object.entries(state)) {
      // Checkpoints of earlier versions have blanks between prints, and one in a symbol was a defect.
      for (const print of prints.split(prints.includes('\n') ? '\n' : ' ')) {
        const [, price, sign = STILL_SIGN, symbol = ''] = PRINT.exec(print) ?? []
        if (symbol === '') continue
        this.#last.set(symbol, {
          symbol,
          price: Number(price),
          direction: SIGNS.indexOf(sign) - 1,
          tradeDate
        })
      }
    }
  }

  /** The tick of the next price-setting trade of a symbol, in tape order. */
  next(symbol: string, price: number, tradeDate: string): Tick {
    const last = this.#recent?.symbol === symbol ? this.#recent : this.#last.get(symbol)
    if (last === undefined) {
      this.#last.set(symbol, { symbol, price, direction: 0, tradeDate })
      return FIRST
    }
    this.#recent = last
    const before = last.price
    const isSameDay = last.tradeDate === tradeDate
    if (price !== before) last.direction = price > before ? 1 : -1
    last.price = price
    last.tradeDate = tradeDate
    if (price === before || !isSameDay) return STILL[last.direction + 1] ?? FIRST
    const move = Math.log(price / before)
    return {
      direction: last.direction,
      squaredReturn: Math.round(move * move * RETURN_SCALE * 1e8) / 1e8
    }
  }

  toState(): TickState {
    const byDate = new Map<string, string[]>()
    for (const [symbol, { price, direction, tradeDate }] of this.#last) {
      const print = `${price}${SIGNS[direction + 1] ?? STILL_SIGN}${symbol}`
      const prints = byDate.get(tradeDate)
      if (prints === undefined) byDate.set(tradeDate, [print])
      else prints.push(print)
    }
    return Object.fromEntries([...byDate].map(([date, prints]) => [date, `${prints.join('\n')}\n`]))
  }
}

const FIRST: Tick = { direction: 0, squaredReturn: 0 }
const STILL: readonly Tick[] = [
  { direction: -1, squaredReturn: 0 },
  FIRST,
  { direction: 1, squaredReturn: 0 }
]
