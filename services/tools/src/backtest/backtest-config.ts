import { readEnv, type Env } from '@tapedeck/core'
import { RULE_VARIABLES, rulesOf, type FoldOptions, type ForecastSpec } from '@tapedeck/domain'
import type { BacktestArguments } from './arguments.ts'

export interface BacktestConfig {
  readonly fold: FoldOptions
  readonly specs: readonly ForecastSpec[]
}

/**
 * The consumer's own rules, by the environment, with what the command says instead.
 * @throws CONFIG_INVALID with every mistake
 */
export function readBacktestConfig(env: Env, { specs, policy }: BacktestArguments): BacktestConfig {
  const { fold, forecasts } = rulesOf(readEnv(env, RULE_VARIABLES))
  return {
    fold: { ...fold, ...(policy !== undefined && { policy }) },
    specs: specs ?? forecasts
  }
}
