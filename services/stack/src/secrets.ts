import type { Env } from '@tapedeck/core'

/** The settings that hold a secret, each with the services that read it; nothing else is given them. */
const SECRETS: Readonly<Record<string, readonly string[]>> = {
  FINNHUB_TOKEN: ['producer', 'batch'],
  ALPACA_KEY_ID: ['producer'],
  ALPACA_SECRET_KEY: ['producer'],
  SIMULATOR_TOKEN: ['simulator'],
  API_TOKEN: ['api'],
  API_TOKENS: ['api'],
  TAPEDECK_API_TOKEN: ['grafana'],
  GRAFANA_TOKEN: [],
  GRAFANA_ALERT_WEBHOOK: [],
  GRAFANA_LIVE_TOKEN: ['api'],
  KAFKA_BROKERS: ['producer', 'consumer', 'api'],
  KAFKA_PASSWORD: ['producer', 'consumer', 'api'],
  MONGODB_URI: ['producer', 'consumer', 'api', 'batch'],
  MONGODB_PASSWORD: ['producer', 'consumer', 'api', 'batch'],
  MARIADB_URL: ['batch'],
  AWS_ACCESS_KEY_ID: ['api', 'batch'],
  AWS_SECRET_ACCESS_KEY: ['api', 'batch'],
  AWS_SESSION_TOKEN: ['api', 'batch']
}

/**
 * An environment without the secrets that the process `name` does not read: whoever can read the environment of
 * Kafka or of mongod learns no key.
 */
export function withoutSecretsOfOthers(env: Env, name: string): Env {
  return Object.fromEntries(
    Object.entries(env).filter(([variable]) => SECRETS[variable]?.includes(name) ?? true)
  )
}
