import { readEnv, text, whole, type Env } from '@tapedeck/core'
import { symbolsVariable, timeframesVariable, type Timeframe } from '@tapedeck/domain'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'

export interface ApiConfig {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** The symbols of the env variable, in its order: they are listed before any other. */
  readonly symbols: readonly string[]
  /** What the live page offers; the endpoints answer every timeframe. */
  readonly timeframes: readonly Timeframe[]
  readonly mongo: MongoConfig
}

/** The plan's own limit is the producer's to check; this one only bounds the work of a request. */
const MAX_SYMBOLS = 10_000

/**
 * The api's configuration; pure.
 * @throws CONFIG_INVALID that names every mistake at once
 */
export function readConfig(env: Env): ApiConfig {
  const values = readEnv(env, {
    API_HOST: text('127.0.0.1', 'a host name or address to listen on'),
    API_PORT: whole(8080, 0, 65_535),
    SYMBOLS: symbolsVariable(MAX_SYMBOLS),
    TIMEFRAMES: timeframesVariable(),
    ...MONGO_VARIABLES
  })
  return Object.freeze({
    host: values.API_HOST,
    port: values.API_PORT,
    symbols: values.SYMBOLS,
    timeframes: values.TIMEFRAMES,
    mongo: mongoConfig(values)
  })
}
