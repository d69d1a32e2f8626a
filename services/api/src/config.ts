import {
  about,
  optional,
  readEnv,
  Secret,
  secret,
  text,
  whole,
  type Env,
  type Variable
} from '@tapedeck/core'
import {
  DEFAULT_FORECASTS,
  FREE_PLAN_SYMBOLS,
  forecastsVariable,
  symbolsVariable,
  timeframesVariable,
  type ForecastSpec,
  type Timeframe
} from '@tapedeck/domain'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'

export interface ApiConfig {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** The symbols of the env variable, in its order: they are listed before any other. */
  readonly symbols: readonly string[]
  /** What the live page offers; the endpoints answer every timeframe. */
  readonly timeframes: readonly Timeframe[]
  /** The forecasts that are made, for the words where there are none. */
  readonly forecasts: readonly ForecastSpec[]
  readonly mongo: MongoConfig
  /** What a request must carry to change symbols; undefined: nobody may. */
  readonly token: Secret | undefined
  /** What the feed's plan allows. */
  readonly maxSymbols: number
}

/** The plan's own limit is the producer's to check; this one only bounds the work of a request. */
const MAX_SYMBOLS = 10_000
/** Shorter ones can be guessed over the network. */
const LEAST_TOKEN_LENGTH = 16

export const API_VARIABLES = {
  API_HOST: about(
    'Address of the api and the page',
    text('127.0.0.1', 'a host name or address to listen on')
  ),
  API_PORT: about('Port of the api and the page', whole(8080, 0, 65_535)),
  API_TOKEN: about(
    'Secret that allows adding and removing symbols at run time; 16 characters at least',
    optional(tokenVariable()),
    'nobody may'
  ),
  SYMBOLS: symbolsVariable(MAX_SYMBOLS),
  TIMEFRAMES: timeframesVariable(),
  FORECASTS: optional(forecastsVariable()),
  FINNHUB_MAX_SYMBOLS: whole(FREE_PLAN_SYMBOLS, 1, 10_000),
  ...MONGO_VARIABLES
} as const

/**
 * The api's configuration; pure.
 * @throws CONFIG_INVALID that names every mistake at once
 */
export function readConfig(env: Env): ApiConfig {
  const values = readEnv(env, API_VARIABLES)
  return Object.freeze({
    host: values.API_HOST,
    port: values.API_PORT,
    symbols: values.SYMBOLS,
    timeframes: values.TIMEFRAMES,
    forecasts: values.FORECASTS ?? defaultsOf(values.TIMEFRAMES),
    mongo: mongoConfig(values),
    token: values.API_TOKEN,
    maxSymbols: values.FINNHUB_MAX_SYMBOLS
  })
}

/** As the consumer reads it: what of the usual forecasts has bars. */
function defaultsOf(timeframes: readonly Timeframe[]): readonly ForecastSpec[] {
  return DEFAULT_FORECASTS.filter(({ timeframe }) => timeframes.includes(timeframe))
}

function tokenVariable(): Variable<Secret> {
  return {
    ...secret(),
    expected: `a secret of at least ${LEAST_TOKEN_LENGTH} characters`,
    parse: (found) => (found.length >= LEAST_TOKEN_LENGTH ? new Secret(found) : undefined)
  }
}
