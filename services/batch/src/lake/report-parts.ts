import { escaped } from './report-charts.ts'

/** A section with its title, a line about it and its content, which are HTML. */
export function card(title: string, about: string, content: string, isWide = false): string {
  return `<section class="card${isWide ? ' wide' : ''}"><h2>${title}</h2><p class="about">${about}</p>${content}</section>`
}

/** A table of cells, which are HTML. */
export function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((one) => `<th scope="col">${escaped(one)}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.join('')}</tr>`).join('')
  return `<div class="scroll" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

/** A cell of a table. */
export function cell(text: string, tone = ''): string {
  return `<td${tone === '' ? '' : ` class="${tone}"`}>${escaped(text)}</td>`
}

/** A number of things. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** A share as percent. */
export function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`
}

/** A price or an amount, with digits as its size needs. */
export function price(value: number | null): string {
  if (value === null) return '–'
  if (value !== 0 && Math.abs(value) < 1) return value.toPrecision(5)
  return value.toLocaleString('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: Math.abs(value) < 100 ? 4 : 2
  })
}
