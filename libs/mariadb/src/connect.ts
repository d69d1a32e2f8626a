import { messageOf, TapedeckError } from '@tapedeck/core'
import { createConnection, type Connection, type RowDataPacket } from 'mysql2'
import { columnType, type ColumnDefinition, type ColumnType } from './column-type.ts'
import { shownAddress, type MariadbConfig } from './config.ts'

const CONNECT_LIMIT_MS = 5000
const CLOSE_LIMIT_MS = 1000
const PIECE_ROWS = 500
/** Every text as UTF-8, every time in UTC, and no value that is changed to make it fit. */
const SESSION =
  "set time_zone = '+00:00', " +
  "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO', " +
  "collation_connection = 'utf8mb4_bin'"

/** A row as the server wrote it: texts, so that nothing is rounded. */
export type TextRow = Readonly<Record<string, string | null>>

/** Texts in the order of the columns, as the server wrote them; bytes in base64. */
type StreamedRow = readonly (string | null)[]

export interface StreamedRows extends AsyncIterable<readonly StreamedRow[]> {
  /** Known when the first rows are, and when there are none. */
  columns(): readonly ColumnType[]
}

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
    const connection = createConnection({
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
    try {
      await connection.promise().connect()
      await connection.promise().query(SESSION)
      return new Mariadb(config, connection)
    } catch (cause) {
      connection.destroy()
      throw translated(cause, config)
    }
  }

  /** The rows of a statement, every value a text. `?` in it stand for `values`. @throws as `translated` says */
  async rows(statement: string, values: readonly (string | null)[] = []): Promise<TextRow[]> {
    try {
      const [rows] = await this.#connection.promise().query<RowDataPacket[]>({
        sql: statement,
        values: [...values],
        typeCast: (field) => field.string()
      })
      return rows
    } catch (cause) {
      throw translated(cause, this.config)
    }
  }

  /** The rows of a query, piece by piece; the server is read no faster than they are taken. @throws as `rows` */
  stream(statement: string, values: readonly string[] = []): StreamedRows {
    let columns: readonly ColumnType[] = []
    const rows = this.#streamed(statement, values, (found) => {
      columns = found
    })
    return { [Symbol.asyncIterator]: () => rows, columns: () => columns }
  }

  async *#streamed(
    statement: string,
    values: readonly string[],
    onColumns: (columns: readonly ColumnType[]) => void
  ): AsyncGenerator<readonly StreamedRow[]> {
    let columns: readonly ColumnType[] = []
    const query = this.#connection.query({
      sql: statement,
      values: [...values],
      rowsAsArray: true,
      typeCast: (field) => field.buffer()
    })
    query.on('fields', (fields: readonly ColumnDefinition[]) => {
      columns = fields.map(columnType)
      onColumns(columns)
    })
    const textOf = (value: Buffer | null, at: number): string | null =>
      value?.toString(columns[at]?.isBinary === true ? 'base64' : 'utf8') ?? null
    const stream = query.stream({ highWaterMark: PIECE_ROWS })
    // A query without a callback is not told that its connection is lost.
    const onLost = (error: Error): void => void stream.destroy(error)
    this.#connection.once('error', onLost)
    let piece: StreamedRow[] = []
    try {
      for await (const row of stream) {
        piece.push((row as (Buffer | null)[]).map(textOf))
        if (piece.length < PIECE_ROWS) continue
        yield piece
        piece = []
      }
    } catch (cause) {
      throw translated(cause, this.config)
    } finally {
      this.#connection.off('error', onLost)
    }
    if (piece.length > 0) yield piece
  }

  /** All that `work` writes, or nothing. @throws what `work` throws; DATABASE_UNREACHABLE */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.rows('start transaction')
    try {
      const result = await work()
      await this.rows('commit')
      return result
    } catch (error) {
      // A server that is away has rolled back by itself.
      await this.rows('rollback').catch(() => undefined)
      throw error
    }
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.#connection.destroy(), CLOSE_LIMIT_MS)
    await this.#connection
      .promise()
      .end()
      .catch(() => undefined)
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
