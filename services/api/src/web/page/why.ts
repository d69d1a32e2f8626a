import { askBarTrades } from './api.ts'
import { coverageText, revisionText } from './chart.ts'
import { $, html, setText, typed } from './dom.ts'
import { clockText, exactPriceText, momentText, sizeText } from './format.ts'
import type { BarAccount } from './rows.ts'
import type { ChartBar } from './series.ts'

const REASONS: Readonly<Record<string, string>> = {
  conditions: 'its conditions exclude it',
  'too late': 'too late',
  'from the future': 'stamped in the future',
  redelivered: 'delivered before under the same id'
}

/** The dialog that lists the trades of a bar, what each did to it, and which rule excluded which trades. */
export class WhyDialog {
  readonly #dialog = typed('why-dialog', HTMLDialogElement)
  /** The bar on show; the answer to any other request is ignored. */
  #asked: string | undefined
  #next: string | undefined
  #decimals = 2

  constructor() {
    $('why-close').addEventListener('click', () => this.#dialog.close())
    $('why-more').addEventListener('click', () => void this.#addPage())
  }

  async open(bar: ChartBar, windowMs: number, decimals: number): Promise<void> {
    this.#asked = bar.id
    this.#next = undefined
    this.#decimals = decimals
    setText(
      $('why-title'),
      `Why this bar? ${bar.symbol} ${bar.timeframe}, ${momentText(bar.time, windowMs)}`
    )
    typed('why-json', HTMLAnchorElement).href = `/api/v1/bars/${encodeURIComponent(bar.id)}/trades`
    for (const id of ['why-rows', 'why-facts']) $(id).replaceChildren()
    setText($('why-window'), '')
    this.#say('counting its trades', '')
    $('why-more').hidden = true
    if (!this.#dialog.open) this.#dialog.showModal()
    await this.#addPage()
  }

  async #addPage(): Promise<void> {
    const own = this.#asked
    if (own === undefined) return
    try {
      const answer = await askBarTrades(own, this.#next)
      if (own === this.#asked) this.#show(answer)
    } catch (error) {
      if (own === this.#asked)
        this.#say(error instanceof Error ? error.message : String(error), 'bad')
    }
  }

  #say(text: string, tone: string): void {
    setText($('why-verdict'), text)
    $('why-verdict').className = tone
  }

  #show({ bar, window, summary, check, trades, next }: BarAccount): void {
    this.#next = next ?? undefined
    const isOpen = check.isEqual === null || bar.status === 'provisional'
    const coverage = coverageText(bar)
    const state = `${bar.status}${revisionText(bar)}${coverage === '' ? '' : `, ${coverage}`}`
    this.#say(`${state}: ${check.text}`, check.isEqual === true ? 'good' : isOpen ? '' : 'bad')
    setText($('why-window'), `${window.text}; conditions by policy ${bar.policy}`)
    $('why-facts').replaceChildren(...factsOf(summary).map((fact) => html('li', '', fact)))
    $('why-rows').append(...trades.map((trade) => this.#rowOf(trade)))
    $('why-more').hidden = this.#next === undefined
  }

  #rowOf(trade: BarAccount['trades'][number]): HTMLElement {
    const { time, price, size, isIn, counts, roles, rules, reason, id, receivedAt } = trade
    const row = html('tr', isIn ? '' : 'out')
    const by = rules.map(({ code, name }) => `${name} (${code})`)
    if (reason !== null && reason !== 'conditions') by.unshift(REASONS[reason] ?? reason)
    row.append(
      html('td', '', clockText(time, true)),
      html('td', 'number', exactPriceText(price, this.#decimals)),
      html('td', 'number', sizeText(size)),
      html('td', '', counts),
      html('td', roles.length > 0 ? 'set' : '', roles.join(', ')),
      html('td', 'muted', by.join(', '))
    )
    row.title = `${id}, received ${clockText(receivedAt, true)}`
    return row
  }
}

function factsOf(summary: BarAccount['summary']): string[] {
  const { trades, in: isIn, out, unhindered, rules, leftOut, isComplete } = summary
  const words = isComplete ? 'trades in the window' : 'first trades of the window'
  return [
    `${trades} ${words}: ${isIn} in the bar (${unhindered} of them unrestricted), ${out} excluded`,
    ...leftOut.map(
      ({ reason, trades: count }) => `excluded, ${REASONS[reason] ?? reason}: ${count}`
    ),
    ...rules.map(
      ({ code, name, hinders, trades: count }) =>
        `code ${code} (${name}) keeps from ${hinders}: ${count}`
    )
  ]
}
