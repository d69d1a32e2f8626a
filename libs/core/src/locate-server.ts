import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readEnv, text, type Env } from './env.ts'
import { TapedeckError } from './errors.ts'

/** A server that a command uses, by its name in `ports.json`. */
type Server = 'kafka' | 'mongod'

/** The variable with the address of each server, and those that belong to that address. */
const ADDRESSES = {
  kafka: {
    name: 'Kafka',
    variable: 'KAFKA_BROKERS',
    scheme: '',
    credentials: ['KAFKA_SSL', 'KAFKA_USERNAME', 'KAFKA_PASSWORD']
  },
  mongod: {
    name: 'MongoDB',
    variable: 'MONGODB_URI',
    scheme: 'mongodb://',
    credentials: ['MONGODB_USERNAME', 'MONGODB_PASSWORD']
  }
} as const

/**
 * The environment with the address of a server. Where it has none, the server of the `npm start` that
 * runs from TAPEDECK_DATA_DIR is used. That one has no credentials, so those for other servers are
 * removed.
 */
export function locateServer(
  server: Server,
  env: Env
): { readonly env: Env; readonly from: string } {
  const { name, variable, scheme, credentials } = ADDRESSES[server]
  if ((env[variable] ?? '').trim() !== '') return { env, from: variable }
  const { TAPEDECK_DATA_DIR } = readEnv(env, { TAPEDECK_DATA_DIR: text('./.data', 'a folder') })
  const file = path.join(TAPEDECK_DATA_DIR, 'ports.json')
  const port = portOf(server, file)
  if (port === undefined) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot find ${name}: ${variable} is not set and ${file} names no port, ` +
        `expected ${variable}, or the TAPEDECK_DATA_DIR of a running npm start`
    )
  }
  const without = Object.fromEntries(credentials.map((one) => [one, undefined]))
  return { env: { ...env, ...without, [variable]: `${scheme}127.0.0.1:${port}` }, from: file }
}

function portOf(server: Server, file: string): number | undefined {
  try {
    const port = (JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<Server, unknown>>)[
      server
    ]
    return typeof port === 'number' ? port : undefined
  } catch {
    return undefined // no file, or a damaged one: no stack has run from this folder
  }
}
