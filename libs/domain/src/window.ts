import { tradingDateAt, type Session } from './sessions.ts'
import { windowSpec, type Timeframe } from './timeframe.ts'

/** [startMs, endMs) of a window. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
  /** It becomes final when the watermark is here: at its end, or when its last prints are due. */
  readonly settlesMs: number
}

/** The official closing prints of a regular session come minutes after the bell. */
const CLOSING_PRINTS_MS = 600_000

/**
 * The windows of a timeframe that a trade of this session at this moment falls into, by start: one
 * for tumbling windows and days, several for hopping ones, none where `regular` does not take it.
 * Counted windows follow the tape instead; see counted-book.ts.
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
      return [{ startMs: openMs, endMs: closeMs, settlesMs: closeMs + graceMs }]
    }
    default:
      return []
  }
}

/** The window in time that holds a moment; of hopping ones the last to start. */
export function windowAt(symbol: string, timeframe: Timeframe, atMs: number): Window {
  const session = timeframe === 'regular' ? 'regular' : 'continuous'
  const window = windowsAt(symbol, timeframe, atMs, session).at(-1)
  if (window === undefined) throw new RangeError(`'${timeframe}' has no window in time`)
  return window
}

/** When a stored window becomes final; see Window. */
export function settlesAt(timeframe: Timeframe, symbol: string, endMs: number): number {
  if (timeframe !== 'regular') return endMs
  return windowAt(symbol, timeframe, endMs - 1).settlesMs
}

function windowOf(startMs: number, endMs: number): Window {
  return { startMs, endMs, settlesMs: endMs }
}
