import {
  about,
  argumentReader,
  choice,
  duration,
  flag,
  helpText,
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
import { SERVICE_VARIABLES } from '@tapedeck/service'
import { startVariable, type StartRule } from './feed/playback.ts'
import { MARKETS, type MarketKind } from './market/price-path.ts'

/** Synthetic trades. */
interface MarketConfig {
  readonly kind: 'market'
  readonly seed: number
  readonly tradesPerSecond: number
  readonly alwaysOpen: boolean
  readonly market: MarketKind
}

/** Trades from a file. */
export interface TapeConfig {
  readonly kind: 'tape'
  readonly path: string
  /** Times the recorded speed; Infinity: as fast as the clients receive it. */
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
  /** The name of a built-in scenario, or the path of one; undefined: no faults. */
  readonly scenario: string | undefined
}

export const SIMULATOR_VARIABLES = {
  SIMULATOR_RATE: about('Mean trades per second and symbol', decimal(3, 0.001, 1_000_000)),
  SIMULATOR_SEED: about('Seed of the market', whole(1, 0, Number.MAX_SAFE_INTEGER)),
  SIMULATOR_MARKET: about(
    'What its prices do: `martingale` (nothing tells the next one) or `trending` (a line does)',
    choice('martingale', MARKETS)
  ),
  SIMULATOR_ALWAYS_OPEN: about('Trade outside market hours too', flag(true)),
  SIMULATOR_SCENARIO: about(
    'Faults to play: the name of a scenario or a .json file',
    optional(text(undefined, 'the name of a scenario or a path of a .json file'))
  ),
  SIMULATOR_FILE: about(
    'A recorded tape or capture instead of the market',
    optional(text(undefined, 'a path of an .ndjson or .ndjson.gz file'))
  ),
  SIMULATOR_SPEED: about('Times its recorded speed, or `max`', speedVariable()),
  SIMULATOR_SKIP_GAPS: about('Skip quiet hours of the file', flag(false)),
  SIMULATOR_START: about(
    'When the file begins: `quiet:200ms` after the last subscription, or `subscribed:4` symbols',
    startVariable(),
    'quiet:200ms'
  ),
  SIMULATOR_HOST: about('Address of the WebSocket', text('127.0.0.1', 'an address to listen on')),
  SIMULATOR_PORT: about('Port of the WebSocket; 0 picks a free one', whole(0, 0, 65_535)),
  SIMULATOR_HEALTH_PORT: about(
    "Port of the simulator's health and metrics; 0 picks a free one",
    whole(0, 0, 65_535)
  ),
  HEALTH_HOST: SERVICE_VARIABLES.HEALTH_HOST,
  SIMULATOR_TOKEN: about('Token that clients must present', optional(secret()), 'any token'),
  SIMULATOR_MAX_SYMBOLS: about('Symbols a client may subscribe to', whole(51, 1, 10_000)),
  SIMULATOR_PING: about('How often the simulator pings', duration(60_000, 10))
} as const

/**
 * The simulator's settings, all from the environment.
 * @throws CONFIG_INVALID that names every mistake.
 */
export function readConfig(env: Env): SimulatorConfig {
  const read = readEnv(env, SIMULATOR_VARIABLES)
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
            alwaysOpen: read.SIMULATOR_ALWAYS_OPEN,
            market: read.SIMULATOR_MARKET
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

/** A flag of the command line: --max-symbols stands for SIMULATOR_MAX_SYMBOLS. */
interface Flag {
  readonly flag: string
  readonly name: string
  readonly variable: Variable<unknown>
  readonly isSwitch: boolean
}

const FLAGS: readonly Flag[] = Object.entries({
  ...SIMULATOR_VARIABLES,
  LOG_LEVEL: SERVICE_VARIABLES.LOG_LEVEL
}).map(([name, variable]) => ({
  flag: name
    .replace(/^SIMULATOR_/, '')
    .toLowerCase()
    .replaceAll('_', '-'),
  name,
  variable,
  isSwitch: typeof variable.fallback === 'boolean'
}))

/**
 * The variables for the flags of the command line, or 'help'.
 * @throws CONFIG_INVALID for flags that do not exist or lack their value.
 */
export const readFlags = argumentReader({
  name: 'simulator',
  options: Object.fromEntries(
    FLAGS.map(({ flag: name, isSwitch }) => [name, isSwitch ? 'switch' : 'text'] as const)
  ),
  read: (given) =>
    Object.fromEntries(
      FLAGS.flatMap(({ flag: option, name }) => {
        const value = given.text(option)
        return value === undefined ? [] : [[name, value] as const]
      })
    )
})

/** Each option stands for a variable, whose name is beside it. */
export const USAGE = helpText(
  {
    name: 'simulator',
    purpose: "A server that speaks Finnhub's WebSocket protocol, for work without a key.",
    forms: ['-- [options]'],
    settings: {},
    notes:
      'An option wins over its variable, which may also stand in .env; --no-<switch> turns a switch off.\n' +
      'Further examples\n' +
      '  npm run simulator -- --port 9200 --seed 7 --rate 500\n' +
      '  npm run simulator -- --file tape.ndjson.gz --speed 60 --skip-gaps\n' +
      '  npm run simulator -- --port 9200 --scenario half-open\n' +
      '  SIMULATOR_FILE=tape.ndjson.gz SIMULATOR_SPEED=max npm run simulator -- --start subscribed:4',
    exits: ['asked to stop', 'failed', 'a mistake in the command or the configuration'],
    example: '-- --port 9200'
  },
  FLAGS.map(({ flag: option, name, variable, isSwitch }) => [
    `--${option}${isSwitch ? '' : ' VALUE'}`,
    `${name.padEnd(22)} ${variable.about ?? ''}${variable.shown === undefined ? '' : ` (${variable.shown})`}`
  ])
)
