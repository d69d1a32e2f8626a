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
  /** SYMBOLS, in its order: these are listed before any other. */
  readonly symbols: readonly string[]
  /** The choices of the live page; the endpoints accept every timeframe. */
  readonly timeframes: readonly Timeframe[]
  /** The forecasts that are made, so that the page can say where there are none. */
  readonly forecasts: readonly ForecastSpec[]
  readonly mongo: MongoConfig
  /** The token that a request needs to change symbols; undefined: no request may. */
  readonly token: Secret | undefined
  /** How many symbols the feed's plan allows. */
  readonly maxSymbols: number
}

/** The producer checks the limit of the plan; this one only bounds the work of a request. */
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

/** As in the consumer: those of the default forecasts whose timeframe has bars. */
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
