import { readIndicator } from '@tapedeck/domain/indicators'

/** What is chosen. The address holds what a link should show, the browser's storage how this viewer likes it. */
export interface Layout {
  symbol: string | undefined
  timeframe: string
  /** Bars ahead of the forecasts on show; undefined where the timeframe has none. */
  horizon: number | undefined
  model: string
  type: ChartType
  /** Lines computed from the bars, as `name:parameter:parameter`. */
  indicators: readonly string[]
  parts: readonly ChartPart[]
  theme: Theme
}

export const CHART_TYPES = ['candles', 'bars', 'line'] as const
type ChartType = (typeof CHART_TYPES)[number]

/** What the chart shows beside the bars. */
export const CHART_PARTS = {
  sessionVwap: 'Session VWAP',
  barVwap: 'VWAP of each bar',
  volume: 'Volume',
  forecasts: 'Forecasts',
  errors: 'Forecast errors',
  sessions: 'Sessions shaded',
  gaps: 'Outages hatched'
} as const
export type ChartPart = keyof typeof CHART_PARTS

export const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

/** What the api offers, from the attributes of index.html. */
export interface Offer {
  readonly timeframes: readonly string[]
  /** `timeframe:horizon` */
  readonly forecasts: readonly string[]
  readonly models: readonly string[]
}

const ADDRESS_LISTS = ['indicators', 'parts'] as const

/** The layout of an address (`#symbol=AAPL&timeframe=5s`) over a stored one; what does not fit is left out. */
export function readLayout(hash: string, stored: string | null, offer: Offer): Layout {
  const address = new URLSearchParams(hash.replace(/^#/, ''))
  const kept = storedFields(stored)
  const given = (name: string): string | undefined => address.get(name) ?? textIn(kept, name)
  const lists = Object.fromEntries(
    ADDRESS_LISTS.map((name) => [name, address.get(name)?.split(',') ?? listIn(kept, name)])
  )
  const { timeframes, models } = offer
  const timeframe = oneOf(timeframes, given('timeframe')) ?? preferred(timeframes)
  const horizons = horizonsOf(offer, timeframe)
  const horizon = Number(given('horizon'))
  const parts = lists['parts'] ?? [
    'sessionVwap',
    'volume',
    'forecasts',
    'errors',
    'sessions',
    'gaps'
  ]
  return {
    symbol: given('symbol'),
    timeframe,
    horizon: horizons.includes(horizon) ? horizon : horizons[0],
    model: oneOf(models, given('model')) ?? models[0] ?? '',
    type: oneOf(CHART_TYPES, given('type')) ?? 'candles',
    indicators: (lists['indicators'] ?? []).filter((one) => readIndicator(one) !== undefined),
    parts: parts.filter((one): one is ChartPart => one in CHART_PARTS),
    theme: oneOf(THEMES, textIn(kept, 'theme')) ?? 'auto'
  }
}

/** The fragment of the address: what differs from a page that was just opened, and always symbol and timeframe. */
export function addressOf(layout: Layout, offer: Offer): string {
  const plain = readLayout('', null, offer)
  const { symbol, timeframe, horizon, model, type, indicators } = layout
  return `#${new URLSearchParams({
    ...(symbol !== undefined && { symbol }),
    timeframe,
    ...(horizon !== undefined &&
      horizon !== horizonsOf(offer, timeframe)[0] && { horizon: String(horizon) }),
    ...(model !== plain.model && { model }),
    ...(type !== plain.type && { type }),
    ...(indicators.length > 0 && { indicators: indicators.join(',') })
  })}`
}

/** The horizons of a timeframe, in bars. */
export function horizonsOf({ forecasts }: Pick<Offer, 'forecasts'>, timeframe: string): number[] {
  return forecasts
    .filter((one) => one.slice(0, one.lastIndexOf(':')) === timeframe)
    .map((one) => Number(one.slice(one.lastIndexOf(':') + 1)))
    .toSorted((a, b) => a - b)
}

function preferred(timeframes: readonly string[]): string {
  return oneOf(timeframes, '5s') ?? timeframes[0] ?? '1m'
}

function oneOf<T extends string>(all: readonly T[], given: string | undefined): T | undefined {
  return all.find((one) => one === given)
}

function storedFields(stored: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(stored ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function textIn(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

function listIn(fields: Readonly<Record<string, unknown>>, name: string): string[] | undefined {
  const value = fields[name]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined
}
