import type { Env } from '@tapedeck/core'
import type { FoldOptions, ForecastSpec } from '@tapedeck/domain'
import { readConfig } from '../config.ts'
import type { BacktestArguments } from './arguments.ts'

export interface BacktestConfig {
  readonly fold: FoldOptions
  readonly specs: readonly ForecastSpec[]
}

/** The variables that shape bars and forecasts; servers are not among them: a tape needs none. */
const RULES = [
  'TIMEFRAMES',
  'CONDITION_POLICY',
  'ALLOWED_DELAY',
  'LATENESS_LIMIT',
  'REDELIVERED',
  'FORECASTS'
] as const

/**
 * The consumer's own rules, by the environment, with what the command says instead.
 * @throws CONFIG_INVALID with every mistake
 */
export function readBacktestConfig(env: Env, { specs, policy }: BacktestArguments): BacktestConfig {
  const rules = Object.fromEntries(RULES.map((name) => [name, env[name]]))
  const { fold, forecasts } = readConfig({
    ...rules,
    // Asked for by the reader, never spoken to.
    KAFKA_BROKERS: '127.0.0.1:1',
    MONGODB_URI: 'mongodb://127.0.0.1:1'
  })
  return {
    fold: { ...fold, ...(policy !== undefined && { policy }) },
    specs: specs ?? forecasts
  }
}
