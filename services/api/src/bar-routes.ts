import { barIdProblem } from './bar-id.ts'
import { barTrades } from './bar-trades.ts'
import { ask, windowsOf, type DataRoute, type DataRouteTools } from './data-route.ts'
import { BAR_TRADES_SCHEMA, BARS_SCHEMA } from './market-schemas.ts'
import { refusal } from './replies.ts'
import { barRow } from './rows.ts'

/** A day's bar may hold hundreds of thousands of trades, which are counted. */
const COUNTING_LIMIT_MS = 20_000

/** Bars, and why one is what it is. */
export function barRoutes({ reader, summaries, clock }: DataRouteTools): readonly DataRoute[] {
  return [
    {
      path: '/api/v1/bars',
      summary: 'Bars of one timeframe, by the start of their window',
      parameters: ['symbol', 'timeframe', 'from', 'to', 'limit'],
      response: BARS_SCHEMA,
      question(query) {
        const asked = windowsOf(query, clock.now(), 0)
        return ask(asked, async () => ({ bars: (await reader.bars(asked)).map(barRow) }))
      }
    },
    {
      path: '/api/v1/bars/:id/trades',
      summary: 'The trades of a bar, what each did to it, and those left out by which rule',
      parameters: ['limit', 'after'],
      response: BAR_TRADES_SCHEMA,
      limitMs: COUNTING_LIMIT_MS,
      question({ limit, after }, { id = '' }) {
        const problem = barIdProblem(id)
        if (problem !== undefined) throw refusal(400, 'id', problem)
        const asked = { id, limit, after }
        return ask(asked, () => barTrades(reader, summaries, asked, clock))
      }
    }
  ]
}
