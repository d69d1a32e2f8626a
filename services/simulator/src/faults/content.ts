const trade = (more: string, price = '100'): string =>
  `{${more === '' ? '' : `${more},`}"p":${price},"s":"$symbol","t":$now,"v":10}`
const frame = (...trades: readonly string[]): string =>
  `{"data":[${trades.join(',')}],"type":"trade"}`
const plain = (rest: string): string => `{"c":["1"],${rest}}`
const priced = (price: string): string => frame(trade('"c":["1"]', price))
const at = (time: string): string => plain(`"p":100,"s":"$symbol","t":${time},"v":10`)
const sized = (size: string): string => plain(`"p":100,"s":"$symbol","t":$now,"v":${size}`)

/**
 * Invalid or rare frames by name, each one text frame. `$symbol` is the first symbol of a connection,
 * `$other` its second if it has one, else the first, and `$now` the time.
 */
const CONTENTS = {
  'conditions-absent': frame(trade('')),
  'conditions-null': frame(trade('"c":null')),
  'conditions-empty': frame(trade('"c":[]')),
  'conditions-unknown': frame(trade('"c":["1","987"]')),
  'conditions-numbers': frame(trade('"c":[1,12]')),
  'size-zero': frame(sized('0')),
  'size-fractional': frame(sized('0.0042')),
  'size-tiny': frame(sized('8e-05')),
  'size-negative': frame(sized('-10')),
  'size-text': frame(sized('"10"')),
  'several-symbols': frame(
    at('$now'),
    plain('"p":50.5,"s":"$other","t":$now,"v":7'),
    plain('"p":100.01,"s":"$symbol","t":$now,"v":3')
  ),
  'equal-trades': frame(at('$now'), at('$now'), at('$now')),
  'descending-time': frame(at('$now'), at('$now-24ms'), at('$now-156ms')),
  'late-40m': frame(at('$now-40m')),
  'future-1h': frame(at('$now+1h')),
  'time-seconds': frame(at('1764000600')),
  'time-fractional': frame(at('$now.5')),
  'time-text': frame(at('"$now"')),
  'price-zero': priced('0'),
  'price-negative': priced('-5'),
  'price-null': priced('null'),
  'price-nan': priced('"NaN"'),
  'price-infinite': priced('1e999'),
  'price-text': priced('"100.25"'),
  'one-bad-of-three': frame(at('$now'), trade('"c":["1"]', '0'), at('$now')),
  'malformed-json': '{"data":[{"c":["1"],"p":100,"s":"$symbol"',
  'no-json': 'Bad Gateway',
  'unknown-type': '{"data":[{"headline":"none"}],"type":"weather"}',
  news: '{"data":[{"category":"company","datetime":1764000000,"headline":"H","id":1,"related":"$symbol"}],"type":"news"}',
  'no-type': `{"data":[${at('$now')}]}`,
  'no-data': '{"type":"trade"}',
  'empty-data': '{"data":[],"type":"trade"}',
  'symbol-with-space': frame(plain('"p":1.15873,"s":"IC MARKETS:1","t":$now,"v":0')),
  'symbol-empty': frame(plain('"p":100,"s":"","t":$now,"v":10')),
  'symbol-absent': frame(plain('"p":100,"t":$now,"v":10'))
} as const satisfies Record<string, string>

export type ContentName = keyof typeof CONTENTS
export const CONTENT_NAMES = Object.keys(CONTENTS) as readonly ContentName[]

/** The text of a content with its placeholders, see `filled`. */
export function contentOf(name: ContentName): string {
  return CONTENTS[name]
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Fills in `$now` (epoch ms), `$now-40m`, `$now+5s`, `$symbol` and `$other`. */
export function filled(text: string, nowMs: number, symbols: ReadonlySet<string>): string {
  const [symbol = 'AAPL', other = symbol] = symbols
  return text
    .replace(/\$now(?:([+-])(\d{1,9})(ms|s|m|h))?/g, (_, sign: string | undefined, amount, unit) =>
      String(nowMs + (sign === '-' ? -1 : 1) * Number(amount ?? 0) * (UNITS_MS[unit ?? ''] ?? 0))
    )
    .replace(/\$symbol/g, () => escaped(symbol))
    .replace(/\$other/g, () => escaped(other))
}

function escaped(symbol: string): string {
  return JSON.stringify(symbol).slice(1, -1)
}
