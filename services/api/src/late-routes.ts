import { ask, type DataRoute, type DataRouteTools } from './data-route.ts'
import { lateAgeRows } from './late-ages.ts'
import { LATE_AGES_SCHEMA, LATE_TRADES_SCHEMA } from './market-schemas.ts'
import { lateTradeRow } from './rows.ts'
import { timeRange } from './time-range.ts'

const HOUR_MS = 3_600_000

/** Routes for trades in no bar: one by one by receive time, and counted by age. */
export function lateRoutes({ reader, clock }: DataRouteTools): readonly DataRoute[] {
  return [
    {
      path: '/api/v1/late-trades',
      summary: 'Trades in no bar, with the reason, by the time of receipt',
      parameters: ['symbol', 'from', 'to', 'limit'],
      response: LATE_TRADES_SCHEMA,
      question(query) {
        const range = timeRange(query, clock.now(), { spanMs: HOUR_MS })
        const asked = { symbols: query.symbols, ...range, limit: query.limit }
        return ask(asked, async () => ({
          lateTrades: (await reader.lateTrades(asked)).map(lateTradeRow)
        }))
      }
    },
    {
      path: '/api/v1/late-ages',
      summary: 'Trades in no bar, counted by how late they were',
      parameters: ['symbol', 'from', 'to'],
      response: LATE_AGES_SCHEMA,
      question(query) {
        const range = timeRange(query, clock.now(), { spanMs: HOUR_MS })
        const asked = { symbols: query.symbols, ...range }
        return ask(asked, async () => ({ ages: lateAgeRows(await reader.lateAges(asked)) }))
      }
    }
  ]
}
