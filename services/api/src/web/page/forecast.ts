import { $, html, setText } from './dom.ts'
import { axisText, errorText, percentText, priceText, signedText } from './format.ts'
import { horizonsOf, type Offer } from './layout.ts'
import type { Market } from './market.ts'
import type { StoredForecast } from './rows.ts'

/** The newest forecast in words and numbers, the scores of earlier ones, and the other models. */
export function showForecast(market: Market, offer: Offer): void {
  const { forecast, decimals, layout } = market
  const { newest, summary, scores } = forecast
  const open = newest?.status === 'open' ? newest : undefined
  const unmade = unmadeText(market, offer)
  const next = $('forecast-next')
  setText(
    next,
    open === undefined
      ? unmade === undefined
        ? 'No forecast yet'
        : 'No forecast'
      : priceText(open.forecast, decimals)
  )
  next.className = market.isDoubtful ? 'muted' : ''
  const label = $('forecast-label')
  setText(label, unmade ?? summary?.verdict ?? '')
  label.className = summary?.label.split(' ', 1)[0] ?? ''
  const pairs = open === undefined ? [waitingFact(unmade, offer)] : factsOf(open, market)
  if (summary !== undefined && summary.scored > 0) {
    pairs.push(
      ['Skill', summary.skill === null ? 'undefined' : percentText(summary.skill)],
      ['Band held', shareText(summary.coverageBand, '95 %')],
      ['Direction right', shareText(summary.hitRate, '50 %')]
    )
  }
  $('forecast-facts').replaceChildren(
    ...pairs.flatMap(([term, fact]) => [html('dt', '', term), html('dd', '', fact)])
  )
  $('score-rows').replaceChildren(
    ...scores.map(({ model, label: own, verdict, skill }) => {
      const row = html('tr', model === layout.model ? 'chosen' : '')
      row.append(
        html('td', '', model),
        html('td', 'number', skill === null ? '' : percentText(skill)),
        html('td', '', own)
      )
      row.title = verdict
      return row
    })
  )
  $('scores').hidden = scores.length === 0
  $('doubt').hidden = !market.isDoubtful
}

/** Why there is no forecast, in words; undefined where forecasts are made. */
function unmadeText(
  { forecast: { summary, newest }, layout }: Market,
  offer: Offer
): string | undefined {
  if (newest !== undefined) return undefined
  if (summary?.label === 'no forecast') return summary.verdict
  return horizonsOf(offer, layout.timeframe).length > 0
    ? undefined
    : 'no forecast for this timeframe (FORECASTS)'
}

function waitingFact(unmade: string | undefined, { forecasts }: Offer): [string, string] {
  if (unmade === undefined) {
    return ['Made from', 'the closes of the last final bars, once there are enough']
  }
  const made = [...new Set(forecasts.map((one) => one.slice(0, one.lastIndexOf(':'))))]
  return ['Forecasts are made of', made.length === 0 ? 'no timeframe' : made.join(', ')]
}

function factsOf(open: StoredForecast, { series, decimals, trades }: Market): [string, string][] {
  const { windowMs } = series
  const [lower, upper] = [open.bandLower ?? open.lower, open.bandUpper ?? open.upper]
  const version = (open.modelVersion ?? 1) > 1 ? `, version ${open.modelVersion}` : ''
  const fit = open.r2 === null ? '' : `r² ${open.r2.toFixed(2)} `
  const last = trades.at(-1)?.price
  return [
    [
      'For the bar',
      `${axisText(open.time, windowMs, false)} to ${axisText(open.targetEnd, windowMs, false)}`
    ],
    [`Made ${open.horizon} ahead`, leadText(open.leadSeconds)],
    [
      `95 % band${open.bandFrom === 'ols' ? ' (not yet learnt)' : ''}`,
      `${priceText(lower, decimals)} to ${priceText(upper, decimals)}`
    ],
    ['Against the last close', signedText(open.forecast - open.lastClose, errorText)],
    ...(last === undefined ? [] : [['Last price', priceText(last, decimals)] as [string, string]]),
    ['Model', `${open.model}${version}, ${fit}over ${open.n} bars`]
  ]
}

/** How long before its close a forecast was made; on a replayed tape it was made after. */
function leadText(seconds: number): string {
  return seconds > 0 ? `${Math.round(seconds)} s before its close` : 'from a tape of the past'
}

function shareText(share: number | null, expected: string): string {
  return share === null ? 'undefined' : `${(share * 100).toFixed(1)} % (${expected} expected)`
}
