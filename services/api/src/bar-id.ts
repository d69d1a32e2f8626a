import { symbolProblems, timeframeProblem } from '@tapedeck/domain'

/** Why a text is no id of a bar; undefined when it may be one. BarDocument describes the ids. */
export function barIdProblem(id: string): string | undefined {
  const [symbol, timeframe, place, ...more] = id.split('|')
  if (symbol === undefined || timeframe === undefined || !place || more.length > 0) {
    return `id is '${id}', expected <symbol>|<timeframe>|<start in epoch ms, or first trade>, URL-encoded, as in the id of /api/v1/bars`
  }
  const [problem] = symbolProblems([symbol], 1)
  if (problem !== undefined) return `id: ${problem}`
  const unknown = timeframeProblem(timeframe)
  return unknown === undefined ? undefined : `id: timeframe ${unknown}`
}
