import { printable, Problems, type Variable } from '@tapedeck/core'

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
 * The plan's limit for reading SYMBOLS: FINNHUB_MAX_SYMBOLS, or that of the free plan when the variable is
 * empty or wrong. The reader of the variable reports its mistakes.
 */
export function planLimit(found: string | undefined): number {
  const most = Number(found ?? '')
  return Number.isSafeInteger(most) && most > 0 ? most : FREE_PLAN_SYMBOLS
}

const MAX_SYMBOL_LENGTH = 64

/** What SYMBOL_FORM says, for the symbols that are nearly all: one class is faster than many. */
const PLAIN = /^[A-Z0-9][A-Z0-9.:_-]{0,63}$/
/**
 * Letters, digits and visible signs of any script. Not among them: what separates symbols in a list (a comma, a
 * semicolon) or parts of an id (|), what quotes or brackets a text, what nobody sees (control characters, joiners,
 * lone surrogates), and any blank but the common one inside. The first character is none that a spreadsheet takes for
 * a formula, and one is a letter or a digit, so that no symbol is `*` or the path segment `..`.
 */
const LEGAL =
  /^(?=.*[\p{L}\p{N}])(?!.*[,;，、；|"'`\\<>[\]{}\p{Default_Ignorable_Code_Point}])[\p{L}\p{N}^$.#][\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u
const SYMBOL_FORM =
  'letters, digits and signs such as : . - _ / & ^ =, no comma, semicolon, quote, bracket, \\ or |, ' +
  `${MAX_SYMBOL_LENGTH} characters at most, the first a letter, a digit or one of ^ $ . #`

/**
 * The one rule for a symbol, wherever it comes from: a frame, a record, SYMBOLS, a request. It is as wide as the names
 * that exchanges list (`M&M.NS`, `IC MARKETS:1`, `BINANCE:币安人生USDT`), and what it admits is safe as a Kafka key, in
 * the `_id` of a document, in a cell of a table and, encoded, in a URL. Case matters.
 *
 * @returns why a value is no symbol, without the value; undefined when it is one
 */
export function symbolProblem(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return 'symbol is not a text'
  if (PLAIN.test(value)) return undefined
  if (value.length > MAX_SYMBOL_LENGTH) {
    return `symbol is longer than ${MAX_SYMBOL_LENGTH} characters`
  }
  return LEGAL.test(value) && !value.endsWith(' ')
    ? undefined
    : 'symbol has a character of no symbol'
}

/**
 * Every mistake in a list of symbols, in words; empty when it is good.
 * @param most how many symbols the plan allows
 */
export function symbolProblems(entries: readonly string[], most: number): string[] {
  const problems: string[] = []
  entries.forEach((entry, index) => {
    const place = `entry ${index + 1}`
    if (entry === '') problems.push(`${place} is empty, expected a symbol`)
    else if (symbolProblem(entry) !== undefined) {
      problems.push(`${place} is '${printable(shortened(entry))}', expected ${SYMBOL_FORM}`)
    } else if (entries.indexOf(entry) !== index) {
      problems.push(`${place} '${entry}' is there already as entry ${entries.indexOf(entry) + 1}`)
    }
  })
  if (entries.length > most) {
    problems.push(
      `${entries.length} symbols found, expected at most ${most} (FINNHUB_MAX_SYMBOLS); ` +
        `over the limit: ${entries.slice(most).map(shortened).join(', ')}`
    )
  }
  return problems
}

/**
 * Mistakes of a list that a person wrote to follow its symbols, beside those of `symbolProblems`. The feed says nothing
 * of a symbol that it does not know, so what was likely meant is said here.
 */
export function requestProblems(entries: readonly string[]): string[] {
  return entries.flatMap((entry, index) => {
    if (symbolProblem(entry) !== undefined) return []
    const place = `entry ${index + 1} is '${entry}', expected`
    const words = entry.split(' ').filter((word) => word !== '')
    if (words.length > 1 && !SPACED_EXCHANGES.some((name) => entry.startsWith(`${name}:`))) {
      return [`${place} commas between symbols; did you mean ${words.join(',')}?`]
    }
    // HUOBI:btcusdt is right: only a name without any capital was written in haste.
    const upper = entry.toUpperCase()
    return upper !== entry && entry === entry.toLowerCase()
      ? [`${place} capitals; did you mean ${upper}?`]
      : []
  })
}

/** Finnhub's exchanges with a blank in their name. */
const SPACED_EXCHANGES: readonly string[] = ['IC MARKETS']

function shortened(entry: string): string {
  return entry.length > MAX_SYMBOL_LENGTH ? `${entry.slice(0, MAX_SYMBOL_LENGTH)}…` : entry
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
      const problems = [...symbolProblems(entries, most), ...requestProblems(entries)]
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
