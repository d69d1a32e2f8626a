import { fileURLToPath } from 'node:url'
import type { Env } from '@tapedeck/core'
import type { StackConfig } from './config.ts'

export const SERVICE_NAMES = ['simulator', 'consumer', 'api', 'producer'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

/** One service as it is to be run. */
export interface ServicePlan {
  readonly name: ServiceName
  readonly program: string
  readonly env: Env
  /** Where it says whether it is ready. */
  readonly readyUrl: string
  /** The address a person is shown. */
  readonly address: string
}

/** Ports on 127.0.0.1 chosen for this stack; the api's may be on another host. */
export interface ServicePorts {
  readonly simulator: number
  readonly simulatorHealth: number
  readonly producer: number
  readonly consumer: number
  readonly api: number
}

const LOCAL = '127.0.0.1'

/**
 * Which services run and with what environment: the stack's own, with the addresses added.
 *
 * @param brokers host:port list
 * @param mongoUri as the services read it
 */
export function planServices(
  config: StackConfig,
  { brokers, mongoUri }: { readonly brokers: string; readonly mongoUri: string },
  ports: ServicePorts
): ServicePlan[] {
  const isSimulated = config.feed === 'simulated'
  const env: Env = {
    ...config.env,
    ...(config.kafka === undefined && {
      KAFKA_BROKERS: brokers,
      // Credentials without a broker of the user's own: ours has none.
      KAFKA_SSL: undefined,
      KAFKA_USERNAME: undefined,
      KAFKA_PASSWORD: undefined
    }),
    ...(config.mongo.uri === undefined && {
      MONGODB_URI: mongoUri,
      MONGODB_USERNAME: undefined,
      MONGODB_PASSWORD: undefined
    }),
    ...(isSimulated && simulatedFeed(config, ports)),
    SIMULATOR_PORT: String(ports.simulator),
    SIMULATOR_HEALTH_PORT: String(ports.simulatorHealth),
    PRODUCER_PORT: String(ports.producer),
    CONSUMER_PORT: String(ports.consumer),
    API_HOST: config.apiHost,
    API_PORT: String(ports.api)
  }
  const plan = (name: ServiceName, healthPort: number, address?: string): ServicePlan => {
    const base = `http://${LOCAL}:${healthPort}`
    return {
      name,
      env,
      program: fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url)),
      readyUrl: `${base}/readyz`,
      address: address ?? `${base}/readyz`
    }
  }
  const page = pageUrl(config.apiHost, ports.api)
  return [
    ...(isSimulated ? [plan('simulator', ports.simulatorHealth, feedUrl(ports))] : []),
    plan('consumer', ports.consumer),
    { ...plan('api', ports.api, page), readyUrl: `${page}readyz` },
    plan('producer', ports.producer)
  ]
}

/** Where the api is reached from this machine, also when it listens on every address. */
export function pageUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? LOCAL : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/`
}

function simulatedFeed(config: StackConfig, ports: ServicePorts): Env {
  const { env, symbols } = config
  return {
    FINNHUB_URL: feedUrl(ports),
    // Finnhub's protocol wants one; the simulator takes any.
    FINNHUB_TOKEN: env['SIMULATOR_TOKEN'] ?? 'simulated',
    FEED_NAME: 'simulated',
    SIMULATOR_HOST: LOCAL,
    SIMULATOR_MAX_SYMBOLS: env['SIMULATOR_MAX_SYMBOLS'] ?? String(Math.max(51, symbols.length))
  }
}

function feedUrl({ simulator }: ServicePorts): string {
  return `ws://${LOCAL}:${simulator}`
}
