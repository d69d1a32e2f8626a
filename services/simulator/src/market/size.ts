import type { Instrument } from './instrument.ts'
import type { Random } from './random.ts'

/** `slice`: one of several equal parts of an order. */
export type SizeKind = 'any' | 'slice'

const ODD_LOT_SHARE = 0.5
const MIXED_LOT_SHARE = 0.08
/** Value of a usual crypto trade in its quote currency. */
const CRYPTO_VALUE = 300
const CRYPTO_UNITS = 1e8
/** Keeps the text free of exponents: JSON writes 1e-7 for less. */
const SMALLEST_CRYPTO = 1e-6

/**
 * The size of a trade. Stocks: odd lots below 100, round lots, some mixed; whole shares. Crypto:
 * eight decimals around a usual value. Forex: 0, a price without a trade, as Finnhub sends it.
 */
export function sizeOf(
  { kind }: Instrument,
  price: number,
  sizeKind: SizeKind,
  random: Random
): number {
  if (kind === 'forex') return 0
  if (kind === 'crypto') {
    const size = (CRYPTO_VALUE * Math.exp(1.5 * random.normal())) / price
    return Math.max(SMALLEST_CRYPTO, Math.round(size * CRYPTO_UNITS) / CRYPTO_UNITS)
  }
  if (sizeKind === 'slice') return 100
  const draw = random.uniform()
  if (draw < ODD_LOT_SHARE) return 1 + Math.floor(99 * random.uniform() ** 2)
  const lots = 100 * (1 + Math.floor(1.5 * random.exponential()))
  return draw < ODD_LOT_SHARE + MIXED_LOT_SHARE ? lots + random.whole(1, 99) : lots
}
