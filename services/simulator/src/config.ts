import {
  duration,
  flag,
  optional,
  readEnv,
  secret,
  text,
  whole,
  decimal,
  type Env,
  type Secret,
  type Variable
} from '@tapedeck/core'
import { startVariable, type StartRule } from './feed/start-gate.ts'

/** Trades that are made up. */
export interface MarketConfig {
  readonly kind: 'market'
  readonly seed: number
  readonly tradesPerSecond: number
  readonly alwaysOpen: boolean
}

/** Trades from a file. */
export interface TapeConfig {
  readonly kind: 'tape'
  readonly path: string
  /** Times the recorded speed; Infinity: as fast as the clients take it. */
  readonly speed: number
  readonly skipGaps: boolean
  readonly start: StartRule
}

export interface SimulatorConfig {
  readonly host: string
  readonly port: number
  readonly healthHost: string
  readonly healthPort: number
  readonly token: Secret | undefined
  readonly maxSymbols: number
  readonly pingMs: number
  readonly source: MarketConfig | TapeConfig
  /** Name of a built-in scenario, or a path; undefined: nothing goes wrong by itself. */
  readonly scenario: string | undefined
}

/**
 * The simulator's settings, all from the environment (docs/simulator.md).
 * @throws CONFIG_INVALID that names every mistake.
 */
export function readConfig(env: Env): SimulatorConfig {
  const read = readEnv(env, {
    SIMULATOR_HOST: text('127.0.0.1', 'an address to listen on'),
    SIMULATOR_PORT: whole(0, 0, 65_535),
    HEALTH_HOST: text('127.0.0.1', 'an address to listen on'),
    SIMULATOR_HEALTH_PORT: whole(0, 0, 65_535),
    SIMULATOR_TOKEN: optional(secret()),
    SIMULATOR_MAX_SYMBOLS: whole(51, 1, 10_000),
    SIMULATOR_PING: duration(60_000, 10),
    SIMULATOR_SEED: whole(1, 0, Number.MAX_SAFE_INTEGER),
    SIMULATOR_RATE: decimal(3, 0.001, 1_000_000),
    SIMULATOR_ALWAYS_OPEN: flag(true),
    SIMULATOR_FILE: optional(text(undefined, 'a path of an .ndjson or .ndjson.gz file')),
    SIMULATOR_SPEED: speedVariable(),
    SIMULATOR_SKIP_GAPS: flag(false),
    SIMULATOR_START: startVariable(),
    SIMULATOR_SCENARIO: optional(
      text(undefined, 'the name of a scenario or a path of a .json file')
    )
  })
  return Object.freeze({
    host: read.SIMULATOR_HOST,
    port: read.SIMULATOR_PORT,
    healthHost: read.HEALTH_HOST,
    healthPort: read.SIMULATOR_HEALTH_PORT,
    token: read.SIMULATOR_TOKEN,
    maxSymbols: read.SIMULATOR_MAX_SYMBOLS,
    pingMs: read.SIMULATOR_PING,
    scenario: read.SIMULATOR_SCENARIO,
    source:
      read.SIMULATOR_FILE === undefined
        ? {
            kind: 'market' as const,
            seed: read.SIMULATOR_SEED,
            tradesPerSecond: read.SIMULATOR_RATE,
            alwaysOpen: read.SIMULATOR_ALWAYS_OPEN
          }
        : {
            kind: 'tape' as const,
            path: read.SIMULATOR_FILE,
            speed: read.SIMULATOR_SPEED,
            skipGaps: read.SIMULATOR_SKIP_GAPS,
            start: read.SIMULATOR_START
          }
  })
}

function speedVariable(): Variable<number> {
  const number = decimal(1, 0.001, 1_000_000)
  return {
    ...number,
    expected: `${number.expected}, or max`,
    parse: (found) => (found.toLowerCase() === 'max' ? Infinity : number.parse(found))
  }
}
