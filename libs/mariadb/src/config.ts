import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  about,
  optional,
  Problems,
  readEnv,
  Secret,
  text,
  type Env,
  type Variable
} from '@tapedeck/core'

/** Where a relational database is and who asks it. */
export interface MariadbConfig {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Secret
  readonly database: string
  /** TLS, with the certificate checked. */
  readonly isEncrypted: boolean
  /** All of it in one text, to be handed to other processes. */
  readonly url: Secret
}

const DEFAULT_PORT = 3306
const FORM = 'mysql://user:password@host:port/database'

/**
 * Reads an address such as `mysql://user:password@host:3306/db`; `?ssl=true` asks for TLS. What is no letter, digit, `-`,
 * `_` or `.` in user and password is percent-encoded.
 * @throws Problems that never repeat the address
 */
export function parseMariadbUrl(found: string): MariadbConfig {
  if (!URL.canParse(found)) throw new Problems([`no address found, expected ${FORM}`])
  const url = new URL(found)
  const problems: string[] = []
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') {
    problems.push(`it begins with ${url.protocol}//, expected ${FORM}`)
  }
  const decoded = (name: string, part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      problems.push(`the ${name} has a % that begins no code, expected %25 for it`)
      return ''
    }
  }
  const user = decoded('user', url.username)
  const password = decoded('password', url.password)
  const database = decoded('database', url.pathname.slice(1))
  if (url.hostname === '') problems.push(`no host found, expected ${FORM}`)
  if (user === '') problems.push(`no user found, expected ${FORM}`)
  if (!/^[^\s/\\`"]{1,64}$/.test(database)) problems.push(`no database found, expected ${FORM}`)
  for (const [name, value] of url.searchParams) {
    if (name === 'ssl' && (value === 'true' || value === 'false')) continue
    problems.push(`unknown option ${name} found, expected none or ssl=true`)
  }
  if (problems.length > 0) throw new Problems(problems)
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user,
    password: new Secret(password),
    database,
    isEncrypted: url.searchParams.get('ssl') === 'true',
    url: new Secret(found)
  }
}

/** The address without user and password, for messages. */
export function shownAddress({
  host,
  port,
  database
}: Pick<MariadbConfig, 'host' | 'port' | 'database'>): string {
  return `mysql://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
}

function mariadbUrl(): Variable<MariadbConfig> {
  return {
    fallback: undefined,
    required: true,
    secret: true,
    expected: FORM,
    parse: parseMariadbUrl
  }
}

/** The environment variables of everything that connects to the relational database. */
export const MARIADB_VARIABLES = {
  MARIADB_URL: about(
    'Relational database with positions, mysql://user:password@host:port/db; `?ssl=true` for TLS',
    optional(mariadbUrl()),
    'that of `npm start`, with STACK_MARIADB=embedded'
  )
} as const

/** In the data folder: the address of the database that `npm start` runs there, for its owner alone. */
const URL_FILE = 'mariadb-url'

/** Where a stack leaves the address for programs that are started by hand. */
export function mariadbUrlFile(dataDir: string): string {
  return path.join(dataDir, URL_FILE)
}

/**
 * The relational database of MARIADB_URL, or that of the `npm start` that runs from TAPEDECK_DATA_DIR; undefined where
 * neither is.
 * @throws CONFIG_INVALID
 */
export function readMariadbConfig(env: Env): MariadbConfig | undefined {
  const { TAPEDECK_DATA_DIR, MARIADB_URL } = readEnv(env, {
    ...MARIADB_VARIABLES,
    TAPEDECK_DATA_DIR: text('./.data', 'a folder')
  })
  if (MARIADB_URL !== undefined) return MARIADB_URL
  try {
    return parseMariadbUrl(readFileSync(mariadbUrlFile(TAPEDECK_DATA_DIR), 'utf8').trim())
  } catch {
    return undefined // no file, or a damaged one: no stack runs such a database here
  }
}
