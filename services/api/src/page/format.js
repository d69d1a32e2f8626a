const WHOLE_PRICE = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 4
})
const SMALL_PRICE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 6 })
const ESTIMATE = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2
})
const DIFFERENCE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })
const SIZE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 6 })
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const MINUTE = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })
const DAY = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' })

/** A price with two to four decimals, as it has; a small one with six digits. */
export function priceText(price) {
  if (price === null || price === undefined) return 'no price'
  return Math.abs(price) >= 1 ? WHOLE_PRICE.format(price) : SMALL_PRICE.format(price)
}

/** A calculated value: no more decimals than are meaningful. */
export function estimateText(value) {
  return Math.abs(value) >= 10 ? ESTIMATE.format(value) : priceText(value)
}

/** An error or a difference, with three digits. */
export function errorText(value) {
  return DIFFERENCE.format(value)
}

export function sizeText(size) {
  return SIZE.format(size)
}

export function compactText(value) {
  return COMPACT.format(value)
}

/** With a sign, also for positive values; a true minus, as wide as the plus. */
export function signedText(value, format = priceText) {
  const text = format(Math.abs(value))
  if (value === 0) return text
  return value > 0 ? `+${text}` : `−${text}`
}

export function percentText(share) {
  return signedText(share, (value) => `${(value * 100).toFixed(2)} %`)
}

/** Local time of day, with milliseconds where single trades are listed. */
export function clockText(ms, { withMs = false } = {}) {
  const text = TIME.format(ms)
  return withMs ? `${text}.${String(ms % 1000).padStart(3, '0')}` : text
}

/** The label of a moment on an axis whose windows have that length. */
export function axisTimeText(ms, windowMs) {
  if (windowMs >= 86_400_000) return DAY.format(ms)
  if (windowMs >= 900_000) return `${DAY.format(ms)} ${MINUTE.format(ms)}`
  return windowMs >= 60_000 ? MINUTE.format(ms) : TIME.format(ms)
}

export function agoText(ms) {
  const seconds = Math.round(ms / 1000)
  if (seconds < 2) return 'just now'
  if (seconds < 120) return `${seconds} s ago`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} days ago`
}
