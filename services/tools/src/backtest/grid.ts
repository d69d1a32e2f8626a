import { Problems } from '@tapedeck/core'
import { forecastsVariable, specName, type ForecastSpec } from '@tapedeck/domain'

/** Combinations of one run; more would take hours and gigabytes. */
const MAX_SPECS = 200

const forecasts = forecastsVariable()

/**
 * A list such as 1m:20:1,1m:60:1 (timeframe:lookback:horizon). Unlike FORECASTS it may name several
 * lookbacks of one horizon.
 * @throws Problems that name every bad entry
 */
export function specsOf(text: string): readonly ForecastSpec[] {
  return parsed(text.split(',').map((entry) => entry.trim()))
}

/**
 * Every combination of a grid such as `1m:20,60,120:1,5,12` (timeframe:lookbacks:horizons); several
 * grids are separated by `;`.
 * @throws Problems that name every bad entry
 */
export function gridOf(text: string): readonly ForecastSpec[] {
  const entries: string[] = []
  const problems: string[] = []
  for (const part of text.split(';').map((one) => one.trim())) {
    const [timeframe, lookbacks, horizons, more] = part.split(':')
    if (lookbacks === undefined || horizons === undefined || more !== undefined) {
      problems.push(
        `'${part}' is no grid, expected timeframe:lookbacks:horizons such as 1m:20,60:1,5`
      )
      continue
    }
    for (const lookback of lookbacks.split(',')) {
      for (const horizon of horizons.split(',')) {
        entries.push(`${timeframe}:${lookback.trim()}:${horizon.trim()}`)
      }
    }
  }
  if (problems.length > 0) throw new Problems(problems)
  return parsed(entries)
}

/** The fewest groups without two lookbacks of one timeframe and horizon: an engine keeps one of them. */
export function engineGroups(specs: readonly ForecastSpec[]): ForecastSpec[][] {
  const groups: ForecastSpec[][] = []
  for (const spec of specs) {
    const room = groups.find((group) =>
      group.every((one) => one.timeframe !== spec.timeframe || one.horizon !== spec.horizon)
    )
    if (room === undefined) groups.push([spec])
    else room.push(spec)
  }
  return groups
}

function parsed(entries: readonly string[]): readonly ForecastSpec[] {
  const problems: string[] = []
  const specs = new Map<string, ForecastSpec>()
  for (const entry of entries) {
    try {
      for (const spec of forecasts.parse(entry) ?? []) specs.set(specName(spec), spec)
    } catch (error) {
      if (!(error instanceof Problems)) throw error
      problems.push(...error.problems)
    }
  }
  if (specs.size > MAX_SPECS) {
    problems.push(`${specs.size} combinations found, expected ${MAX_SPECS} at most`)
  }
  if (problems.length > 0) throw new Problems([...new Set(problems)])
  return [...specs.values()]
}
