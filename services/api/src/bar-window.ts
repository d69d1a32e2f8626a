import {
  precedes,
  finalAt,
  parseTradeId,
  windowsAt,
  windowSpec,
  type BarFields,
  type Print,
  type Session
} from '@tapedeck/domain'
import type { TapeQuery, TapeTrade } from '@tapedeck/mongo'
import type { Reader } from './database-reader.ts'

/** The trades of a bar: those of a time range for which `holds` is true. */
export interface BarWindow extends TapeQuery {
  holds(trade: TapeTrade): boolean
  /** In words, for people. */
  readonly text: string
}

/** The window of a stored bar, by the rules of the domain. */
export async function windowOf(
  bar: BarFields,
  reader: Pick<Reader, 'nextFirstTrade'>
): Promise<BarWindow> {
  switch (windowSpec(bar.timeframe).kind) {
    case 'activity':
      return activityWindow(bar, await reader.nextFirstTrade(bar))
    case 'regular session':
      return regularSession(bar)
    default:
      return windowInTime(bar)
  }
}

function windowInTime({ symbol, start, end }: BarFields): BarWindow {
  return {
    symbol,
    fromMs: start.getTime(),
    toMs: end.getTime(),
    holds: () => true,
    text: `trades from ${start.toISOString()} until before ${end.toISOString()}`
  }
}

/** Closing prints come after the end; all other trades then belong to another session. */
function regularSession({ symbol, timeframe, start, end }: BarFields): BarWindow {
  const toMs = finalAt(timeframe, symbol, end.getTime())
  return {
    symbol,
    fromMs: start.getTime(),
    toMs,
    holds: ({ trade, print }) =>
      windowsAt(symbol, timeframe, print.tMs, trade.session as Session).some(
        ({ startMs }) => startMs === start.getTime()
      ),
    text:
      `trades of the regular session from ${start.toISOString()} until before ${end.toISOString()}, ` +
      `its closing prints until ${new Date(toMs).toISOString()}`
  }
}

/** Counted windows follow the order in which the feed sent the trades, whatever their times. */
function activityWindow(bar: BarFields, nextTrade: string | undefined): BarWindow {
  const firstTrade = bar._id.slice(bar._id.lastIndexOf('|') + 1)
  const first = placeOf(firstTrade)
  const next = nextTrade === undefined ? undefined : placeOf(nextTrade)
  return {
    symbol: bar.symbol,
    fromMs: bar.firstTradeAt.getTime(),
    toMs: bar.lastTradeAt.getTime() + 1,
    holds({ print }) {
      const own = { ...print, tMs: 0 }
      return !precedes(own, first) && (next === undefined || precedes(own, next))
    },
    text:
      `trades in the order of the feed, from ${firstTrade} ` +
      (nextTrade === undefined
        ? 'to the last'
        : `until before ${nextTrade}, which begins the next bar`)
  }
}

/** Compares places on the tape without their times: one fixed time stands for all. */
function placeOf(tradeId: string): Print {
  return { tMs: 0, price: 0, ...parseTradeId(tradeId) }
}
