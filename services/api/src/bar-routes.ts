import { barIdProblem } from './bar-id.ts'
import { barTrades } from './bar-trades.ts'
import { ask, windowsOf, type DataRoute, type DataRouteTools } from './data-route.ts'
import { BAR_TRADES_SCHEMA, BARS_SCHEMA } from './market-schemas.ts'
import { refusal } from './replies.ts'
import { barRow } from './rows.ts'

/** The trades of a day's bar, hundreds of thousands, are counted. */
const COUNTING_LIMIT_MS = 20_000

/** Routes for bars and for the trades of a bar. */
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
      summary: 'The trades of a bar, what each did to it, and the rules that excluded trades',
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
