import { about, choice, configInvalid, duration, optional, type Values } from '@tapedeck/core'
import type { FoldOptions } from './bars/fold.ts'
import { timeframesVariable } from './bars/window.ts'
import { CONDITION_POLICIES } from './conditions.ts'
import {
  DEFAULT_FORECASTS,
  forecastsVariable,
  specName,
  type ForecastSpec
} from './forecast/spec.ts'

/** The variables that decide which bars and forecasts a sequence of trades gives. */
export const RULE_VARIABLES = {
  TIMEFRAMES: timeframesVariable(),
  CONDITION_POLICY: about(
    'Which trades set prices: `feed`, `sip` (consolidated-tape rules) or `all`',
    choice('feed', CONDITION_POLICIES)
  ),
  ALLOWED_DELAY: about('How long a bar waits for late trades before it is final', duration(2000)),
  LATENESS_LIMIT: about('How late a trade may be and still correct its bar', duration(86_400_000)),
  REDELIVERED: about(
    'A trade whose vendor id was seen before: `drop` keeps it out of bars, `keep` counts it again',
    choice('drop', ['drop', 'keep'])
  ),
  FORECASTS: optional(forecastsVariable())
} as const

/** Two processes with equal rules make equal bars and forecasts of the same trades. */
export interface Rules {
  readonly fold: FoldOptions
  readonly forecasts: readonly ForecastSpec[]
}

/** Trades stamped further ahead of their receipt than this are excluded from bars. */
const FUTURE_LIMIT_MS = 60_000

/** The forecasts of a timeframe that has no bars; none while TIMEFRAMES itself is wrong. */
export function ruleProblems({
  TIMEFRAMES: timeframes,
  FORECASTS: forecasts = []
}: Partial<Values<typeof RULE_VARIABLES>>): readonly string[] {
  if (timeframes === undefined) return []
  return forecasts
    .filter(({ timeframe }) => !timeframes.includes(timeframe))
    .map(
      (spec) =>
        `FORECASTS: '${specName(spec)}' needs bars of ${spec.timeframe}, expected it in TIMEFRAMES`
    )
}

/**
 * Forecasts that are not set default to those of DEFAULT_FORECASTS whose timeframe has bars.
 * @throws CONFIG_INVALID for a forecast of a timeframe that is not in TIMEFRAMES
 */
export function rulesOf(values: Values<typeof RULE_VARIABLES>): Rules {
  const problems = ruleProblems(values)
  if (problems.length > 0) throw configInvalid(problems)
  const { TIMEFRAMES: timeframes, FORECASTS: forecasts } = values
  return {
    fold: {
      timeframes,
      policy: values.CONDITION_POLICY,
      allowedDelayMs: values.ALLOWED_DELAY,
      latenessLimitMs: values.LATENESS_LIMIT,
      futureLimitMs: FUTURE_LIMIT_MS,
      redelivered: values.REDELIVERED
    },
    forecasts:
      forecasts ?? DEFAULT_FORECASTS.filter(({ timeframe }) => timeframes.includes(timeframe))
  }
}
