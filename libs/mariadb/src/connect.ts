import { messageOf, TapedeckError } from '@tapedeck/core'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise'
import { shownAddress, type MariadbConfig } from './config.ts'

const CONNECT_LIMIT_MS = 5000
const CLOSE_LIMIT_MS = 1000
/** Every text as UTF-8, every time in UTC, and no value that is changed to make it fit. */
const SESSION =
  "set time_zone = '+00:00', " +
  "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO', " +
  "collation_connection = 'utf8mb4_bin'"

/** A row as the server wrote it: texts, so that nothing is rounded. */
export type TextRow = Readonly<Record<string, string | null>>

/** One connection, whose failures are ours. */
export class Mariadb {
  readonly config: MariadbConfig
  readonly #connection: Connection

  private constructor(config: MariadbConfig, connection: Connection) {
    this.config = config
    this.#connection = connection
  }

  /**
   * Connects and sets the session.
   * @throws DATABASE_UNREACHABLE after `timeoutMs`; SERVER_MISSING when it refuses user, password or database
   */
  static async open(
    config: MariadbConfig,
    { timeoutMs = CONNECT_LIMIT_MS }: { readonly timeoutMs?: number } = {}
  ): Promise<Mariadb> {
    const { host, port, user, password, database, isEncrypted } = config
    try {
      const connection = await createConnection({
        host,
        port,
        user,
        password: password.reveal(),
        database,
        charset: 'utf8mb4_bin',
        connectTimeout: timeoutMs,
        ...(isEncrypted && { ssl: {} })
      })
      // What a lost connection makes fail is the query that waits; without one nobody waits.
      connection.on('error', () => undefined)
      await connection.query(SESSION)
      return new Mariadb(config, connection)
    } catch (cause) {
      throw translated(cause, config)
    }
  }

  /** The rows of a statement, every value a text. `?` in it stand for `values`. @throws as `translated` says */
  async rows(statement: string, values: readonly (string | null)[] = []): Promise<TextRow[]> {
    try {
      const [rows] = await this.#connection.query<RowDataPacket[]>({
        sql: statement,
        values: [...values],
        typeCast: (field) => field.string()
      })
      return rows
    } catch (cause) {
      throw translated(cause, this.config)
    }
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.#connection.destroy(), CLOSE_LIMIT_MS)
    await this.#connection.end().catch(() => undefined)
    clearTimeout(timer)
  }
}

/** Whether a database answers. @throws as `Mariadb.open` */
export async function pingMariadb(config: MariadbConfig, timeoutMs: number): Promise<void> {
  const database = await Mariadb.open(config, { timeoutMs })
  try {
    await database.rows('select 1')
  } finally {
    await database.close()
  }
}

/** What the server says when it refuses who asks: access denied, no such database, host not allowed. */
const REFUSALS = [
  'ER_ACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_HOST_NOT_PRIVILEGED',
  'ER_NOT_SUPPORTED_AUTH_MODE'
]

/**
 * A failure of the driver as ours: SERVER_MISSING when the server refuses user, password or database,
 * DATABASE_UNREACHABLE when it is away, REQUEST_INVALID when it refuses a statement.
 */
function translated(cause: unknown, config: MariadbConfig): TapedeckError {
  if (cause instanceof TapedeckError) return cause
  const {
    code = '',
    errno,
    sqlMessage
  } = cause as {
    code?: string
    errno?: number
    sqlMessage?: string
  }
  const at = shownAddress(config)
  if (REFUSALS.includes(code)) {
    return new TapedeckError(
      'SERVER_MISSING',
      `Cannot use MariaDB at ${at}: ${sqlMessage ?? code}, expected a user, password and database that it has (MARIADB_URL)`,
      { cause }
    )
  }
  if (sqlMessage !== undefined && !isShutdown(errno)) {
    return new TapedeckError('REQUEST_INVALID', `MariaDB at ${at} refuses: ${sqlMessage}`, {
      cause
    })
  }
  return new TapedeckError(
    'DATABASE_UNREACHABLE',
    `Cannot reach MariaDB at ${at}: ${code === '' ? messageOf(cause) : code}`,
    { cause }
  )
}

/** ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED, too many connections: the statement is not to blame. */
function isShutdown(errno: number | undefined): boolean {
  return errno === 1053 || errno === 1927 || errno === 1040
}
