import {
  axisTimeText,
  errorText,
  estimateText,
  percentText,
  priceText,
  signedText
} from './format.js'
import { html } from './svg.js'

/** The horizons of a timeframe, in bars, from the configuration in the page: `1m:1,1m:5,5s:12`. */
export function horizonsOf(made, timeframe) {
  return made
    .split(',')
    .map((spec) => spec.split(':'))
    .filter(([of]) => of === timeframe)
    .map(([, horizon]) => Number(horizon))
    .toSorted((a, b) => a - b)
}

/** Whether the forecast is drawn as one without skill. */
export function isDoubtful(summary) {
  return summary?.label === 'worse than naive'
}

/** Why there is no forecast, in words; undefined where forecasts are made. */
export function unmadeText({ summary, timeframe, forecasts, made }) {
  if (summary?.label === 'no forecast') return summary.verdict
  const isMade = summary !== undefined || horizonsOf(made, timeframe).length > 0
  return isMade || forecasts.length > 0 ? undefined : 'no forecast for this timeframe (FORECASTS)'
}

/** The newest forecast in words and numbers, and the scores of the earlier ones. */
export function showForecast({ next, label, facts }, market) {
  const { forecasts, summary, lastPrice, windowMs, made } = market
  const open = forecasts.findLast(({ status }) => status === 'open')
  const unmade = unmadeText(market)
  const none = unmade === undefined ? 'No forecast yet' : 'No forecast'
  next.textContent = open === undefined ? none : estimateText(open.forecast)
  next.className = isDoubtful(summary) ? 'muted' : ''
  label.textContent = unmade ?? summary?.verdict ?? ''
  label.className = summary?.label.split(' ', 1)[0] ?? ''
  const pairs = []
  if (open === undefined) {
    pairs.push(
      unmade === undefined
        ? ['Made from', 'the closes of the last final bars, once there are enough']
        : ['Forecasts are made of', madeText(made)]
    )
  } else {
    pairs.push(
      [
        'For the bar',
        `${axisTimeText(open.time, windowMs)} to ${axisTimeText(open.targetEnd, windowMs)}`
      ],
      [`Made ${open.horizon} ahead`, leadText(open.leadSeconds)],
      [`95 % band${open.bandFrom === 'ols' ? ' (not yet learnt)' : ''}`, bandText(open)],
      ['Against the last close', signedText(open.forecast - open.naiveForecast, errorText)],
      [
        'Model',
        `${open.model}${open.modelVersion > 1 ? `, version ${open.modelVersion}` : ''}, ` +
          `${open.r2 === null ? '' : `r² ${open.r2.toFixed(2)} `}over ${open.n} bars`
      ]
    )
    if (lastPrice !== null) pairs.push(['Last price', priceText(lastPrice)])
  }
  if (summary !== undefined && summary.scored > 0) {
    pairs.push(
      ['Skill', summary.skill === null ? 'undefined' : percentText(summary.skill)],
      ['Band held', shareText(summary.coverageBand, '95 %')],
      ['Direction right', shareText(summary.hitRate, '50 %')]
    )
  }
  facts.replaceChildren(
    ...pairs.flatMap(([term, fact]) => [html('dt', '', term), html('dd', '', fact)])
  )
}

/** All models in one list; the title of each is its verdict. */
export function showScores(body, scores, chosen) {
  body.replaceChildren(
    ...scores.map(({ model, label, verdict, skill }) => {
      const row = html('tr', model === chosen ? 'chosen' : '')
      row.append(
        html('td', '', model),
        html('td', 'number', skill === null ? '' : percentText(skill)),
        html('td', '', label)
      )
      row.title = verdict
      return row
    })
  )
}

/** The adaptive band; forecasts stored before it existed have the interval of least squares. */
function bandText({ bandLower, bandUpper, lower, upper }) {
  return `${estimateText(bandLower ?? lower)} to ${estimateText(bandUpper ?? upper)}`
}

/** How long before its close a forecast was made; on a replayed tape it was made after. */
function leadText(seconds) {
  return seconds > 0 ? `${Math.round(seconds)} s before its close` : 'from a tape of the past'
}

function shareText(share, expected) {
  return share === null ? 'undefined' : `${(share * 100).toFixed(1)} % (${expected} expected)`
}

function madeText(made) {
  return made === ''
    ? 'no timeframe'
    : [...new Set(made.split(',').map((one) => one.split(':')[0]))].join(', ')
}
