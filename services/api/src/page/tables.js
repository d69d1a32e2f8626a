import { clockText, percentText, priceText, sizeText } from './format.js'
import { changeOf, sparkline } from './sparkline.js'
import { html } from './svg.js'

const buttons = new Map()

/** The symbols as buttons, created once and updated in place, so that they keep the focus. */
export function showSymbols(list, symbols, { chosen, bars, choose, remove, changeable }) {
  for (const one of symbols) {
    let button = buttons.get(one.symbol)
    if (button === undefined) {
      button = html('button', '')
      button.type = 'button'
      button.addEventListener('click', () => choose(one.symbol))
      buttons.set(one.symbol, button)
      const item = html('li', '')
      item.append(button, removeButton(one.symbol, remove))
      list.append(item)
    }
    button.nextSibling.hidden = !changeable || !one.wanted
    const own = bars.get(one.symbol) ?? []
    const change = changeOf(own, one.lastPrice)
    const name = html('span', 'name', one.symbol.split(':').at(-1))
    button.title = standingText(one)
    name.append(html('small', STANDING_CLASS[one.standing] ?? 'muted', noteOf(one)))
    const figures = html('span', 'figures', one.lastPrice === null ? '' : priceText(one.lastPrice))
    const note =
      one.lastPrice === null ? 'no trade yet' : change === undefined ? '' : percentText(change)
    figures.append(html('small', changeClass(change), note))
    button.replaceChildren(name, sparkline(own, change) ?? html('span', ''), figures)
    button.setAttribute('aria-pressed', String(one.symbol === chosen))
  }
}

const STANDING_CLASS = {
  'quiet, not normal': 'warn-text',
  'over the limit': 'down-text',
  rejected: 'down-text'
}

/** The state of a symbol and its reason, in one line. */
function standingText({ symbol, wanted, standing, reason }) {
  const stands = standing ?? (wanted ? 'wanted' : 'not followed')
  return `${symbol}: ${stands}${reason === null ? '' : ` (${reason})`}`
}

/** The exchange of a symbol, its feed, whether it is wanted, and what is wrong. */
function noteOf({ symbol, feed, configured, wanted, standing }) {
  const exchange = symbol.includes(':') ? symbol.split(':', 1)[0] : undefined
  const asked = wanted ? (configured ? undefined : 'added') : 'not followed'
  const problem = standing === 'receiving' ? undefined : standing
  const parts = [exchange, wanted ? feed : undefined, asked, problem]
  return parts.filter((part) => part !== undefined && part !== null).join(', ')
}

function removeButton(symbol, remove) {
  const button = html('button', 'remove', '×')
  button.type = 'button'
  button.title = `Stop following ${symbol}`
  button.setAttribute('aria-label', button.title)
  button.addEventListener('click', () => remove(symbol))
  return button
}

function changeClass(change) {
  if (change === undefined || change === 0) return 'muted'
  return change > 0 ? 'up-text' : 'down-text'
}

/** Newest first; a price is coloured by the trade before it. */
export function showTrades(body, trades) {
  const rows = trades.map((trade, index) => {
    const before = trades[index - 1]
    const row = html('tr', '')
    const conditions = trade.conditions === null ? '' : trade.conditions.join(' ')
    const price = html('td', 'number', priceText(trade.price))
    if (before !== undefined && trade.price !== before.price) {
      price.classList.add(trade.price > before.price ? 'up-text' : 'down-text')
    }
    row.append(
      html('td', '', clockText(trade.time, { withMs: true })),
      price,
      html('td', 'number', sizeText(trade.size)),
      html('td', 'muted', conditions)
    )
    row.title = `${trade.session}, ${trade.feed}, ${trade.id}`
    return row
  })
  body.replaceChildren(...rows.toReversed())
}
