import { Problems, type Variable } from '@tapedeck/core'

/**
 * The name of a kind of window, as written in TIMEFRAMES and stored with every bar: `1m` (tumbling),
 * `5m/1m` (five minutes, a new one each minute), `1d` (the trading day), `regular` (its regular
 * session), `100t` (100 trades), `50000v` (that volume), `1000000usd` (that notional).
 */
export type Timeframe = string

/** What a timeframe's name says. Lengths are milliseconds. */
export type WindowSpec =
  | { readonly kind: 'tumbling'; readonly lengthMs: number }
  | { readonly kind: 'hopping'; readonly lengthMs: number; readonly hopMs: number }
  | { readonly kind: 'trading day' }
  | { readonly kind: 'regular session' }
  | { readonly kind: 'counted'; readonly of: Measure; readonly size: number }

/** What closes a counted window: so many trades, so much volume, so much price x size. */
export type Measure = 'trades' | 'volume' | 'notional'

/** The pane: what trades are folded into once; every window in time is a merge of panes. */
export const PANE_MS = 1000
const DAY_MS = 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
const MEASURES: Readonly<Record<string, Measure>> = { t: 'trades', v: 'volume', usd: 'notional' }
/** Windows that hold one moment at most: a pane is merged into each of them. */
const MAX_HOPS = 60

export const DEFAULT_TIMEFRAMES: readonly Timeframe[] = ['1s', '5s', '1m', '5m', '15m', '1h', '1d']

/** What a timeframe may look like, for messages. */
export const TIMEFRAME_FORMS =
  '1s, 5s, 15s, 1m, 5m, 15m, 1h (any length that divides a day), 1d, regular, ' +
  '5m/1m (length/hop), 100t (trades), 50000v (volume), 1000000usd (price x size)'

const parsed = new Map<string, WindowSpec>()

/** The windows a timeframe stands for. @throws RangeError for a name that `timeframeProblem` refuses */
export function windowSpec(timeframe: Timeframe): WindowSpec {
  let spec = parsed.get(timeframe)
  if (spec === undefined) {
    const reading = read(timeframe)
    if (typeof reading === 'string') throw new RangeError(`'${timeframe}' ${reading}`)
    spec = reading
    parsed.set(timeframe, spec)
  }
  return spec
}

/** Why a text is no timeframe: what was found and what is expected; undefined when it is one. */
export function timeframeProblem(text: string): string | undefined {
  const reading = read(text)
  return typeof reading === 'string' ? `'${text}' ${reading}` : undefined
}

/** Length of a window in ms as a reader would draw it; undefined where it follows the trades. */
export function lengthOf(timeframe: Timeframe): number | undefined {
  const spec = windowSpec(timeframe)
  switch (spec.kind) {
    case 'tumbling':
    case 'hopping':
      return spec.lengthMs
    case 'trading day':
    case 'regular session':
      return DAY_MS
    default:
      return undefined
  }
}

/** From one window's start to the next one's, ms; undefined where it follows the trades. */
export function stepOf(timeframe: Timeframe): number | undefined {
  const spec = windowSpec(timeframe)
  return spec.kind === 'hopping' ? spec.hopMs : lengthOf(timeframe)
}

function read(text: string): WindowSpec | string {
  if (text === '1d') return { kind: 'trading day' }
  if (text === 'regular') return { kind: 'regular session' }
  const counted = /^(\d{1,15})(t|v|usd)$/.exec(text)
  if (counted !== null) {
    const size = Number(counted[1])
    if (size < 1) return 'is empty, expected at least 1'
    return { kind: 'counted', of: MEASURES[counted[2] ?? ''] ?? 'trades', size }
  }
  const [length = '', hop, more] = text.split('/')
  const lengthMs = readLength(length)
  if (typeof lengthMs === 'string') return lengthMs
  if (hop === undefined) return { kind: 'tumbling', lengthMs }
  if (more !== undefined) return `is unknown, expected one of ${TIMEFRAME_FORMS}`
  const hopMs = readLength(hop)
  if (typeof hopMs === 'string') return hopMs
  if (lengthMs % hopMs !== 0 || lengthMs === hopMs) {
    return 'is no hopping window, expected a length that is a multiple of the hop, such as 5m/1m'
  }
  if (lengthMs / hopMs > MAX_HOPS) return `has over ${MAX_HOPS} windows at once, expected fewer`
  return { kind: 'hopping', lengthMs, hopMs }
}

function readLength(text: string): number | string {
  const found = /^(\d{1,6})([smh])$/.exec(text)
  if (found === null) return `is unknown, expected one of ${TIMEFRAME_FORMS}`
  const lengthMs = Number(found[1]) * (UNIT_MS[found[2] ?? ''] ?? 0)
  if (lengthMs < PANE_MS || DAY_MS % lengthMs !== 0 || lengthMs === DAY_MS) {
    return 'does not divide a day, expected a length that does, or 1d'
  }
  const name = nameOf(lengthMs)
  return name === text ? lengthMs : `has another name, expected ${name}`
}

/** The one name of a length: 60s is 1m. */
function nameOf(lengthMs: number): string {
  if (lengthMs % 3_600_000 === 0) return `${lengthMs / 3_600_000}h`
  return lengthMs % 60_000 === 0 ? `${lengthMs / 60_000}m` : `${lengthMs / 1000}s`
}

/** A comma-separated list such as 1s,1m,1d; every unknown or repeated entry is named. */
export function timeframesVariable(): Variable<readonly Timeframe[]> {
  return {
    fallback: DEFAULT_TIMEFRAMES,
    required: true,
    secret: false,
    shown: DEFAULT_TIMEFRAMES.join(','),
    about:
      'Bars to make: a length that divides a day, `1d`, `regular`, `5m/1m` (hopping), `100t`, `50000v`, `1000000usd`',
    expected: `a list of ${TIMEFRAME_FORMS}`,
    parse(found) {
      const entries = found.split(',').map((entry) => entry.trim())
      const repeated = entries.filter((entry, index) => entries.indexOf(entry) !== index)
      const problems = [
        ...entries.map(timeframeProblem).filter((problem) => problem !== undefined),
        ...repeated.map((entry) => `'${entry}' is there twice, expected each once`)
      ]
      if (problems.length > 0) throw new Problems(problems)
      return entries.toSorted((a, b) => rank(a) - rank(b))
    }
  }
}

/** Short windows first, those that follow the trades last. */
function rank(timeframe: Timeframe): number {
  return lengthOf(timeframe) ?? Number.MAX_SAFE_INTEGER
}
