import { Problems, type Variable } from '@tapedeck/core'

/** Shown when SYMBOLS is not set: liquid US stocks and one round-the-clock pair. */
export const DEFAULT_SYMBOLS: readonly string[] = [
  'AAPL',
  'MSFT',
  'NVDA',
  'AMZN',
  'TSLA',
  'SPY',
  'BINANCE:BTCUSDT'
]

/** Symbols on Finnhub's free plan. */
export const FREE_PLAN_SYMBOLS = 50

/**
 * The plan's limit as far as it decides how SYMBOLS is read: FINNHUB_MAX_SYMBOLS, or the free plan's
 * when it is empty or wrong. Its own mistakes are reported by its own reading.
 */
export function planLimit(found: string | undefined): number {
  const most = Number(found ?? '')
  return Number.isSafeInteger(most) && most > 0 ? most : FREE_PLAN_SYMBOLS
}

/** Letters, digits and `: . - _ / ^ space`, as Finnhub's symbols have them; case matters. */
const LEGAL = /^[A-Za-z0-9^][A-Za-z0-9:.\-_/^ ]{0,63}$/

/**
 * Every mistake in a list of symbols, in words; empty when it is good.
 * @param most how many symbols the plan allows
 */
export function symbolProblems(entries: readonly string[], most: number): string[] {
  const problems: string[] = []
  entries.forEach((entry, index) => {
    const place = `entry ${index + 1}`
    if (entry === '') problems.push(`${place} is empty, expected a symbol`)
    else if (!LEGAL.test(entry)) {
      problems.push(
        `${place} is '${entry}', expected letters, digits and : . - _ / ^ space, 64 at most`
      )
    } else if (entries.indexOf(entry) !== index) {
      problems.push(`${place} '${entry}' is there already as entry ${entries.indexOf(entry) + 1}`)
    }
  })
  if (entries.length > most) {
    problems.push(
      `${entries.length} symbols found, expected at most ${most} (FINNHUB_MAX_SYMBOLS); ` +
        `over the limit: ${entries.slice(most).join(', ')}`
    )
  }
  return problems
}

/** SYMBOLS=AAPL,MSFT,BINANCE:BTCUSDT; all mistakes are reported at once. */
export function symbolsVariable(
  most: number,
  fallback: readonly string[] = DEFAULT_SYMBOLS
): Variable<readonly string[]> {
  return {
    fallback,
    required: true,
    secret: false,
    shown: fallback.join(','),
    about: 'Symbols to follow, as Finnhub names them',
    expected: 'a list of symbols such as AAPL,MSFT,BINANCE:BTCUSDT',
    parse(found) {
      const entries = found.split(',').map((entry) => entry.trim())
      const problems = symbolProblems(entries, most)
      if (problems.length > 0) throw new Problems(problems)
      return entries
    }
  }
}

/**
 * Whether a symbol trades round the clock: crypto and forex carry their exchange as a prefix
 * (BINANCE:BTCUSDT); US stocks have none.
 */
export function tradesRoundTheClock(symbol: string): boolean {
  return symbol.includes(':')
}
