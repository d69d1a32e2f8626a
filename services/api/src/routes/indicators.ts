import type { BarFields, Timeframe } from '@tapedeck/domain'
import {
  closesOf,
  indicatorText,
  linesOf,
  warmUpOf,
  type Indicator
} from '@tapedeck/domain/indicators'
import type { Static } from 'typebox'
import {
  answers,
  number,
  object,
  rows,
  text,
  whole,
  type Routes,
  type RouteTools
} from '../http.ts'
import {
  FIELDS,
  INDICATORS,
  LIMIT,
  query,
  SYMBOLS,
  TIME,
  TIMEFRAME,
  windowRange
} from '../query.ts'
import type { Reader } from '../reader.ts'

const VALUES = object({
  values: rows({
    symbol: text,
    timeframe: text,
    time: whole,
    indicator: text,
    line: text,
    value: number
  })
})
type Values = Static<typeof VALUES>['values']

interface Asked {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: Timeframe
  readonly indicators: readonly Indicator[]
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
}

/** Indicators of stored bars, as the live page computes them. */
export function indicatorRoutes(app: Routes, { reader, share, clock }: RouteTools): void {
  app.get(
    '/api/v1/indicators',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Indicators of the closes of bars, one row for each bar and line',
        querystring: query({
          symbol: SYMBOLS,
          timeframe: TIMEFRAME,
          indicators: INDICATORS,
          from: TIME,
          to: TIME,
          limit: LIMIT,
          fields: FIELDS
        }),
        response: answers(VALUES)
      }
    },
    async ({ query: { symbol: symbols, timeframe, indicators, limit, ...bounds } }, reply) => {
      const range = windowRange({ timeframe, ...bounds }, clock.now())
      const asked = { symbols, timeframe, indicators, ...range, limit }
      const load = async () => ({ values: await valuesOf(reader, asked) })
      return share(reply, VALUES, asked, load, limit)
    }
  )
}

/** Values at the bars of the range; the bars that they depend on before it are read too, so the range changes no value. */
async function valuesOf(reader: Reader, { indicators, ...asked }: Asked): Promise<Values> {
  const bySymbol = Map.groupBy(await reader.bars(asked), ({ symbol }) => symbol)
  const warmUp = Math.max(...indicators.map(warmUpOf))
  const values: Values[number][] = []
  for (const [symbol, bars] of bySymbol) {
    const before = {
      symbols: [symbol],
      timeframe: asked.timeframe,
      fromMs: 0,
      toMs: bars[0]?.start.getTime() ?? 0,
      limit: warmUp
    }
    const earlier = warmUp === 0 ? [] : await reader.bars(before)
    for (const indicator of indicators)
      values.push(...rowsOf([...earlier, ...bars], earlier.length, indicator))
  }
  return values.toSorted((a, b) => a.time - b.time)
}

/** The rows of the bars from that place on. */
function rowsOf(bars: readonly BarFields[], from: number, indicator: Indicator): Values {
  const name = indicatorText(indicator)
  return Object.entries(linesOf(closesOf(bars), indicator)).flatMap(([line, all]) =>
    bars.slice(from).flatMap(({ symbol, timeframe, start }, at) => {
      const value = all[from + at]
      if (typeof value !== 'number') return []
      return [{ symbol, timeframe, time: start.getTime(), indicator: name, line, value }]
    })
  )
}
