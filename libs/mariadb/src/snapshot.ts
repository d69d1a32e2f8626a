import type { Mariadb, StreamedRows } from './connect.ts'

/** What is read of one moment of the database. */
export interface Snapshot {
  /** The moment by the server's clock, ISO 8601 with microseconds. */
  readonly takenAt: string
  /** How many rows a query has. `?` in it stand for `values`. @throws REQUEST_INVALID, DATABASE_UNREACHABLE */
  count(query: string, values?: readonly string[]): Promise<number>
  /** The rows of a query, piece by piece, in memory for a thousand rows at most. @throws as `count` */
  read(query: string, values?: readonly string[]): StreamedRows
}

/**
 * Everything that `work` reads is of one moment, whatever others write meanwhile (tables of InnoDB). Nothing is written:
 * the transaction is read-only.
 * @throws what `work` throws; DATABASE_UNREACHABLE
 */
export async function inSnapshot<T>(
  database: Mariadb,
  work: (snapshot: Snapshot) => Promise<T>
): Promise<T> {
  await database.rows('set transaction isolation level repeatable read')
  await database.rows('start transaction with consistent snapshot, read only')
  const [now] = await database.rows('select utc_timestamp(6) as taken_at')
  const result = await work({
    takenAt: `${now?.['taken_at']?.replace(' ', 'T')}Z`,
    async count(query, values = []) {
      const [row] = await database.rows(`select count(*) as n from (${query}) as counted`, values)
      return Number(row?.['n'])
    },
    read: (query, values = []) => database.stream(query, values)
  })
  await database.rows('rollback')
  return result
}
