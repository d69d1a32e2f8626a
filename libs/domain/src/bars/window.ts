import { Problems, type Variable } from '@tapedeck/core'
import { CLOSING_PRINTS_MS, tradingDateAt, type Session } from '../sessions.ts'
import { tradesRoundTheClock } from '../symbols.ts'

/**
 * The name of a kind of window, as in TIMEFRAMES and in every stored bar: `1m` (tumbling), `5m/1m`
 * (hopping: five minutes long, one starts each minute), `1d` (the trading day), `regular` (its regular
 * session), and by activity `100t` (trades), `50000v` (volume), `1000000usd` (notional).
 */
export type Timeframe = string

/** A parsed timeframe. Lengths are milliseconds. */
export type WindowSpec =
  | { readonly kind: 'tumbling'; readonly lengthMs: number }
  | { readonly kind: 'hopping'; readonly lengthMs: number; readonly hopMs: number }
  | { readonly kind: 'trading day' }
  | { readonly kind: 'regular session' }
  | { readonly kind: 'activity'; readonly of: Measure; readonly size: number }

/** What closes an activity bar: a number of trades, a volume, or a notional (sum of price x size). */
export type Measure = 'trades' | 'volume' | 'notional'

/** Length of a pane. Trades are folded into panes once; every window in time is a merge of panes. */
export const PANE_MS = 1000
const DAY_MS = 86_400_000
/** The name of the trading day. */
export const TRADING_DAY: Timeframe = '1d'
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
const MEASURES: Readonly<Record<string, Measure>> = { t: 'trades', v: 'volume', usd: 'notional' }
/** Hopping windows that may overlap: a pane is merged into each of them. */
const MAX_HOPS = 60

export const DEFAULT_TIMEFRAMES: readonly Timeframe[] = ['1s', '5s', '1m', '5m', '15m', '1h', '1d']

/** The valid forms of a timeframe, for messages. */
export const TIMEFRAME_FORMS =
  '1s, 5s, 15s, 1m, 5m, 15m, 1h (any length that divides a day), 1d, regular, ' +
  '5m/1m (length/hop), 100t (trades), 50000v (volume), 1000000usd (price x size)'

const parsed = new Map<string, WindowSpec>()

/** Parses a timeframe. @throws RangeError for a text that `timeframeProblem` rejects */
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

/** Why a text is not a timeframe: what was found, what is expected; undefined when it is one. */
export function timeframeProblem(text: string): string | undefined {
  const reading = read(text)
  return typeof reading === 'string' ? `'${text}' ${reading}` : undefined
}

/** Whether the bars of a timeframe are closed by trades, volume or notional instead of time. */
export function isActivity(timeframe: Timeframe): boolean {
  return windowSpec(timeframe).kind === 'activity'
}

/** Length of a window in ms; undefined for activity bars. */
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

/** Time from the start of one window to the start of the next, ms; undefined for activity bars. */
export function stepOf(timeframe: Timeframe): number | undefined {
  const spec = windowSpec(timeframe)
  return spec.kind === 'hopping' ? spec.hopMs : lengthOf(timeframe)
}

/** The time of a window, [startMs, endMs). */
export interface Window {
  readonly startMs: number
  readonly endMs: number
  /** The bar becomes final when the watermark reaches this: its end, or later for closing prints. */
  readonly finalAtMs: number
}

/**
 * The windows of a timeframe that hold a trade of this session at this moment, by start: one for
 * tumbling windows and days, several for hopping ones, none for `regular` outside of its session.
 * Activity bars have no windows in time; see activity-bars.ts.
 */
export function windowsAt(
  symbol: string,
  timeframe: Timeframe,
  atMs: number,
  session: Session
): readonly Window[] {
  const spec = windowSpec(timeframe)
  switch (spec.kind) {
    case 'tumbling': {
      const startMs = Math.floor(atMs / spec.lengthMs) * spec.lengthMs
      return [windowOf(startMs, startMs + spec.lengthMs)]
    }
    case 'hopping': {
      const { lengthMs, hopMs } = spec
      const lastMs = Math.floor(atMs / hopMs) * hopMs
      return Array.from({ length: lengthMs / hopMs }, (_, index) => {
        const startMs = lastMs - lengthMs + (index + 1) * hopMs
        return windowOf(startMs, startMs + lengthMs)
      })
    }
    case 'trading day': {
      const { startMs, endMs } = tradingDateAt(symbol, atMs)
      return [windowOf(startMs, endMs)]
    }
    case 'regular session': {
      if (session !== 'regular' && session !== 'continuous') return []
      const { openMs, closeMs } = tradingDateAt(symbol, atMs)
      const graceMs = session === 'continuous' ? 0 : CLOSING_PRINTS_MS
      return [{ startMs: openMs, endMs: closeMs, finalAtMs: closeMs + graceMs }]
    }
    default:
      return []
  }
}

/** The window that holds a moment; of hopping windows the last to start. @throws RangeError for activity bars */
export function windowAt(symbol: string, timeframe: Timeframe, atMs: number): Window {
  const session = tradesRoundTheClock(symbol) ? 'continuous' : 'regular'
  const window = windowsAt(symbol, timeframe, atMs, session).at(-1)
  if (window === undefined) throw new RangeError(`'${timeframe}' has no window in time`)
  return window
}

/** The watermark at which a stored bar became final; see Window.finalAtMs. */
export function finalAt(timeframe: Timeframe, symbol: string, endMs: number): number {
  if (timeframe !== 'regular') return endMs
  return windowAt(symbol, timeframe, endMs - 1).finalAtMs
}

/** A comma-separated list such as 1s,1m,1d. Reports every unknown and every repeated entry. */
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
        ...repeated.map((entry) => `'${entry}' is repeated, expected each once`)
      ]
      if (problems.length > 0) throw new Problems(problems)
      return entries.toSorted((a, b) => rank(a) - rank(b))
    }
  }
}

function read(text: string): WindowSpec | string {
  if (text === TRADING_DAY) return { kind: 'trading day' }
  if (text === 'regular') return { kind: 'regular session' }
  const activity = /^(\d{1,15})(t|v|usd)$/.exec(text)
  if (activity !== null) {
    const size = Number(activity[1])
    if (size < 1) return 'is empty, expected at least 1'
    return { kind: 'activity', of: MEASURES[activity[2] ?? ''] ?? 'trades', size }
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
  // No length but zero is shorter than a pane, and a day is no multiple of zero.
  if (DAY_MS % lengthMs !== 0 || lengthMs === DAY_MS) {
    return 'does not divide a day, expected a length that does, or 1d'
  }
  const name = lengthName(lengthMs)
  return name === text ? lengthMs : `has another name, expected ${name}`
}

/** The canonical name of a length, ms: 1m, not 60s. */
export function lengthName(lengthMs: number): string {
  if (lengthMs % 3_600_000 === 0) return `${lengthMs / 3_600_000}h`
  return lengthMs % 60_000 === 0 ? `${lengthMs / 60_000}m` : `${lengthMs / 1000}s`
}

/** Short windows first, activity bars last. */
function rank(timeframe: Timeframe): number {
  return lengthOf(timeframe) ?? Number.MAX_SAFE_INTEGER
}

function windowOf(startMs: number, endMs: number): Window {
  return { startMs, endMs, finalAtMs: endMs }
}
