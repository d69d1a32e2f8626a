import { coverageText, revisionText } from './candle-chart.js'
import { axisTimeText, clockText, priceText, sizeText } from './format.js'
import { askBarTrades } from './market.js'
import { $, html, setText } from './svg.js'

const REASONS = {
  conditions: 'its conditions exclude it',
  'too late': 'too late',
  'from the future': 'stamped in the future',
  redelivered: 'delivered before under the same id'
}

/** The request on show; the answer to any other is ignored. */
let asked
let next

/** The button beside the readout, and the dialog. `open` explains the bar of the readout. */
export function setUpWhy(open) {
  $('why').addEventListener('click', open)
  $('why-close').addEventListener('click', () => $('why-dialog').close())
  $('why-more').addEventListener('click', () => void addPage())
}

/** Opens the dialog on a bar: its trades, what each did to it, and which rule excluded which trades. */
export async function showWhy(bar, windowMs) {
  asked = bar.id
  next = undefined
  const when = axisTimeText(bar.time, windowMs)
  $('why-title').textContent = `Why this bar? ${bar.symbol} ${bar.timeframe} ${when}`
  $('why-json').href = `/api/v1/bars/${encodeURIComponent(bar.id)}/trades`
  $('why-rows').replaceChildren()
  $('why-facts').replaceChildren()
  setText($('why-window'), '')
  setText($('why-verdict'), 'counting its trades')
  $('why-verdict').className = ''
  $('why-more').hidden = true
  if (!$('why-dialog').open) $('why-dialog').showModal()
  await addPage()
}

async function addPage() {
  const own = asked
  try {
    const answer = await askBarTrades(own, next)
    if (own === asked) showAnswer(answer)
  } catch (error) {
    if (own !== asked) return
    setText(
      $('why-verdict'),
      error.name === 'TimeoutError' ? 'The api takes too long' : error.message
    )
    $('why-verdict').className = 'bad'
  }
}

function showAnswer({ bar, window, summary, check, trades, next: further }) {
  next = further ?? undefined
  const verdict = $('why-verdict')
  setText(verdict, `${bar.status}${revisionText(bar)}${coverageText(bar)}: ${check.text}`)
  const isOpen = check.isEqual === null || bar.status === 'provisional'
  verdict.className = check.isEqual ? 'good' : isOpen ? '' : 'bad'
  setText($('why-window'), `${window.text}; conditions by policy ${bar.policy}`)
  $('why-facts').replaceChildren(...factsOf(summary).map((fact) => html('li', '', fact)))
  $('why-rows').append(...trades.map(rowOf))
  $('why-more').hidden = next === undefined
}

function factsOf({ trades, in: isIn, out, unhindered, rules, leftOut, isComplete }) {
  const words = isComplete ? 'trades in the window' : 'first trades of the window'
  return [
    `${trades} ${words}: ${isIn} in the bar (${unhindered} of them unrestricted), ${out} excluded`,
    ...leftOut.map(({ reason, trades: count }) => `excluded, ${REASONS[reason]}: ${count}`),
    ...rules.map(
      ({ code, name, hinders, trades: count }) =>
        `code ${code} (${name}) keeps from ${hinders}: ${count}`
    )
  ]
}

function rowOf({ time, price, size, isIn, counts, roles, rules, reason, id, receivedAt }) {
  const row = html('tr', isIn ? '' : 'out')
  const by = rules.map(({ code, name }) => `${code} ${name}`)
  if (reason !== null && reason !== 'conditions') by.unshift(REASONS[reason])
  row.append(
    html('td', '', clockText(time, { withMs: true })),
    html('td', 'number', priceText(price)),
    html('td', 'number', sizeText(size)),
    html('td', '', counts),
    html('td', roles.length > 0 ? 'up-text' : '', roles.join(', ')),
    html('td', 'muted', by.join(', '))
  )
  row.title = `${id}, received ${clockText(receivedAt, { withMs: true })}`
  return row
}
