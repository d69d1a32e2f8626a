import { BAR_FIELDS, BAR_ROW, objectMaker, PUBLISHED_BAR, type BarFields } from '@tapedeck/domain'
import type { LateTradeDocument, TradeDocument } from '@tapedeck/mongo'

/** Fields that trades lack which were stored before the fields existed. */
const MISSING_OF_TRADE = { conditions: null, eligible: null } as const

/** A trade as the api returns it. */
export function tradeRow(stored: TradeDocument) {
  const trade = { ...MISSING_OF_TRADE, ...stored }
  return {
    id: trade._id,
    symbol: trade.symbol,
    time: trade.tradedAt.getTime(),
    tradedAt: trade.tradedAt.toISOString(),
    price: trade.price,
    size: trade.size,
    conditions: trade.conditions,
    session: trade.session,
    tradeDate: trade.tradeDate,
    eligible: trade.eligible,
    receivedAt: trade.receivedAt.getTime(),
    feed: trade.feed
  }
}

/** A trade in no bar; `time` is its time of receipt, because a trade may be a day late. */
export function lateTradeRow(trade: LateTradeDocument) {
  return {
    ...tradeRow(trade),
    time: trade.receivedAt.getTime(),
    reason: trade.reason,
    byMs: trade.byMs
  }
}

/** Fields that bars lack which were stored before the fields existed; unknown is not zero. */
const MISSING = Object.fromEntries(
  Object.entries(BAR_FIELDS)
    .filter(([, { isNullable, kind }]) => isNullable === true || kind === 'texts')
    .map(([name, { kind }]) => [name, kind === 'texts' ? [] : null])
)

const makeRow = objectMaker(BAR_ROW)

/** A bar as the api returns it; `time` is the start of its window. */
export function barRow(stored: BarFields): object {
  return makeRow({ ...MISSING, ...stored })
}

const makePublished = objectMaker(PUBLISHED_BAR)

/** A bar as it is published on the topic `bars`. */
export function publishedBar(stored: BarFields): Record<string, unknown> {
  return makePublished({ ...MISSING, ...stored })
}
