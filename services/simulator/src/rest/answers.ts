import {
  addDays,
  DEFAULT_SYMBOLS,
  holidayName,
  isoDate,
  tradingDateAt,
  tradingDayOf,
  type CalendarDate
} from '@tapedeck/domain'
import { instrumentOf } from '../market/instrument.ts'
import { PricePath, type MarketKind } from '../market/price-path.ts'

/** The market whose prices are told. */
export interface QuotedMarket {
  readonly seed: number
  readonly market: MarketKind
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/**
 * The body of Finnhub's `/quote` for a moment: current price, change, high, low, open and previous close of the trading
 * date, and the time in seconds. High and low are of the minutes of the regular session.
 */
export function quoteOf({ seed, market }: QuotedMarket, symbol: string, nowMs: number) {
  const path = new PricePath(instrumentOf(symbol), seed, market)
  const priceAt = (atMs: number): number => Number(path.priceAt(atMs).toFixed(4))
  const { openMs, closeMs } = tradingDateAt(symbol, nowMs)
  const before = tradingDateAt(symbol, tradingDateAt(symbol, nowMs).startMs - 1)
  const untilMs = Math.min(nowMs, closeMs)
  const previous = priceAt(before.closeMs - 1)
  const open = nowMs < openMs ? previous : priceAt(openMs)
  let [high, low] = [open, open]
  for (let atMs = openMs; atMs < untilMs; atMs += MINUTE_MS) {
    const price = priceAt(atMs)
    high = Math.max(high, price)
    low = Math.min(low, price)
  }
  const current = priceAt(nowMs)
  return {
    c: current,
    d: Number((current - previous).toFixed(4)),
    dp: Number(((100 * (current - previous)) / previous).toFixed(4)),
    h: Math.max(high, current),
    l: Math.min(low, current),
    o: open,
    pc: previous,
    t: Math.floor(nowMs / 1000)
  }
}

/** What Finnhub answers to `/quote` for a symbol that it does not know. */
export const NO_QUOTE = { c: 0, d: null, dp: null, h: 0, l: 0, o: 0, pc: 0, t: 0 }

/** The bare symbols of the simulator as `/stock/symbol` lists them. */
export function symbolList() {
  return DEFAULT_SYMBOLS.filter((symbol) => !symbol.includes(':')).map((symbol) => ({
    currency: 'USD',
    description: `${symbol} (simulated)`,
    displaySymbol: symbol,
    figi: '',
    mic: 'XNAS',
    symbol,
    symbol2: '',
    type: 'Common Stock'
  }))
}

/** `/stock/profile2`; `{}` for what is no stock, as Finnhub does. */
export function profileOf(symbol: string) {
  const { kind, startPrice } = instrumentOf(symbol)
  if (symbol === '' || kind !== 'stock') return {}
  return {
    country: 'US',
    currency: 'USD',
    exchange: 'SIMULATED',
    finnhubIndustry: 'Simulated',
    ipo: '2000-01-03',
    logo: '',
    marketCapitalization: Math.round(startPrice * 1000),
    name: `${symbol} (simulated)`,
    phone: '',
    shareOutstanding: 1000,
    ticker: symbol,
    weburl: ''
  }
}

/** `/stock/market-holiday`: the closures and early closes of the year from a date on. */
export function holidays(nowMs: number) {
  const now = new Date(nowMs)
  const first: CalendarDate = {
    year: now.getUTCFullYear(),
    month: now.getUTCMonth() + 1,
    day: now.getUTCDate()
  }
  const data = Array.from({ length: 366 }, (_, i) => addDays(first, i)).flatMap((date) => {
    const day = tradingDayOf(date)
    const eventName = holidayName(date)
    const atDate = isoDate(date)
    if (day === 'early') return [{ eventName: 'Early close', atDate, tradingHour: '09:30-13:00' }]
    return eventName === undefined ? [] : [{ eventName, atDate, tradingHour: '' }]
  })
  return { data, exchange: 'US', timezone: 'America/New_York' }
}

/** `/calendar/earnings`: each symbol reports every 91 days, on a day that follows from its name. */
export function earnings(from: string, to: string) {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)]
  const earningsCalendar: object[] = []
  for (let atMs = fromMs; atMs <= toMs && atMs < fromMs + 92 * DAY_MS; atMs += DAY_MS) {
    for (const { symbol } of symbolList()) {
      const own = Array.from(symbol).reduce(
        (sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 91,
        7
      )
      if (Math.floor(atMs / DAY_MS) % 91 !== own) continue
      const date = new Date(atMs).toISOString().slice(0, 10)
      earningsCalendar.push({ date, epsActual: null, epsEstimate: 1, hour: 'amc', symbol })
    }
  }
  return { earningsCalendar }
}
