const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })
const SIZE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 6 })
const DIFFERENCE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const MINUTE = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })
const DAY = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' })
const DATE = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric' })
const DAY_MS = 86_400_000
const MAX_DECIMALS = 8
const fixed = new Map<string, Intl.NumberFormat>()

/**
 * The decimals of a price's tick: as many as most of these prices need, at least two from one unit of the currency on. The others,
 * such as midpoint trades with four decimals, are rounded on axes and written in full on the tape. `share` is that of the prices
 * that are multiples of the tick.
 */
export function decimalsOf(prices: readonly number[], share = 0.5): number {
  const known = prices.filter((price) => Number.isFinite(price) && price !== 0)
  const last = known.at(-1)
  if (last === undefined) return 2
  const least = Math.abs(last) >= 1 ? 2 : 4
  for (let decimals = least; decimals < MAX_DECIMALS; decimals++) {
    const fitting = known.filter((price) => isMultiple(price, 10 ** -decimals))
    if (fitting.length >= share * known.length) return decimals
  }
  return MAX_DECIMALS
}

/** The same from bars. Their prices are more often between two ticks; by chance one in ten fits a tick ten times too large. */
export function decimalsOfBars(
  bars: readonly { readonly open: number | null; readonly close: number | null }[]
): number {
  const prices = bars.flatMap(({ open, close }) => [open, close])
  return decimalsOf(
    prices.filter((price) => price !== null),
    0.2
  )
}

function isMultiple(price: number, tick: number): boolean {
  const ticks = price / tick
  return Math.abs(ticks - Math.round(ticks)) < 1e-6 * Math.max(1, Math.abs(ticks) * 1e-6)
}

/** A price with the decimals of its tick. */
export function priceText(price: number | null | undefined, decimals: number): string {
  return price === null || price === undefined ? '–' : formatOf(decimals, decimals).format(price)
}

/** A price in full, with the decimals of the tick at least. */
export function exactPriceText(price: number, decimals: number): string {
  return formatOf(decimals, Math.max(decimals, MAX_DECIMALS)).format(price)
}

function formatOf(least: number, most: number): Intl.NumberFormat {
  const key = `${least} ${most}`
  let format = fixed.get(key)
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', {
      minimumFractionDigits: least,
      maximumFractionDigits: most
    })
    fixed.set(key, format)
  }
  return format
}

/** An error or a difference, with three digits. */
export function errorText(value: number): string {
  return DIFFERENCE.format(value)
}

export function sizeText(size: number): string {
  return SIZE.format(size)
}

export function compactText(value: number): string {
  return COMPACT.format(value)
}

/** With a sign, also for positive values; a true minus, as wide as the plus. */
export function signedText(value: number, format: (value: number) => string): string {
  const text = format(Math.abs(value))
  if (value === 0) return text
  return value > 0 ? `+${text}` : `−${text}`
}

export function percentText(share: number): string {
  const isZero = Math.abs(share) < 0.00005
  return signedText(isZero ? 0 : share, (value) => `${(value * 100).toFixed(2)} %`)
}

/** Local time of day, with milliseconds where single trades are listed. */
export function clockText(ms: number, withMs = false): string {
  const text = TIME.format(ms)
  return withMs ? `${text}.${String(ms % 1000).padStart(3, '0')}` : text
}

/** The label of a moment whose windows have that length. */
export function momentText(ms: number, windowMs: number): string {
  if (windowMs >= DAY_MS) return DATE.format(ms)
  return `${DAY.format(ms)} ${windowMs >= 60_000 ? MINUTE.format(ms) : TIME.format(ms)}`
}

/** A label of the time axis; `isDay` where a new day begins. */
export function axisText(ms: number, windowMs: number, isDay: boolean): string {
  if (isDay || windowMs >= DAY_MS) return DAY.format(ms)
  return windowMs >= 60_000 || ms % 60_000 === 0 ? MINUTE.format(ms) : TIME.format(ms)
}

export function agoText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 2) return 'just now'
  if (seconds < 120) return `${seconds} s ago`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} days ago`
}
