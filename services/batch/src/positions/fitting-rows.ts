import { didYouMean, isObject } from '@tapedeck/core'
import { columnValue } from './column-value.ts'
import type { Table } from './tables.ts'

/** The rows of a table as the database takes them, in the order of its columns. */
export interface FittingRows {
  readonly table: Table
  readonly rows: readonly (readonly (string | null)[])[]
}

/** A row that does not fit. */
export interface Reject {
  readonly table: string
  /** Its place in the list, from 1. */
  readonly row: number
  readonly reason: string
}

/**
 * The rows of a file that fit the tables, and those that do not with the reason: a value of another type, a key given twice,
 * a reference to a row that neither the file nor the database has.
 * @param found the file: `{"instruments": [{…}], "portfolios": […], "positions": […]}`
 * @param stored the keys that the database has, by table; of tables with a key of one column
 */
export function fittingRows(
  tables: readonly Table[],
  found: unknown,
  stored: Readonly<Record<string, ReadonlySet<string>>>
): { readonly fitting: readonly FittingRows[]; readonly rejects: readonly Reject[] } {
  const rejects: Reject[] = []
  const names = tables.map(({ name }) => name)
  if (!isObject(found)) {
    return {
      fitting: [],
      rejects: [
        { table: names.join(', '), row: 0, reason: 'another form found, expected an object' }
      ]
    }
  }
  for (const name of Object.keys(found).filter((one) => !names.includes(one))) {
    rejects.push({ table: name, row: 0, reason: `no such table${didYouMean(name, names)}` })
  }
  const known = new Map(names.map((name) => [name, new Set(stored[name])]))
  const fitting = tables.map((table): FittingRows => {
    const list = found[table.name] ?? []
    if (!Array.isArray(list)) {
      rejects.push({ table: table.name, row: 0, reason: 'another form found, expected a list' })
      return { table, rows: [] }
    }
    const keys = new Set<string>()
    const rows: (string | null)[][] = []
    for (const [at, one] of list.entries()) {
      const row = readRow(table, one, known)
      const key = 'values' in row ? JSON.stringify(keyOf(table, row.values)) : ''
      if ('reason' in row) rejects.push({ table: table.name, row: at + 1, reason: row.reason })
      else if (keys.has(key)) {
        rejects.push({ table: table.name, row: at + 1, reason: `${key} is given twice` })
      } else {
        keys.add(key)
        rows.push(row.values)
        if (table.key.length === 1) known.get(table.name)?.add(keyOf(table, row.values).join())
      }
    }
    return { table, rows }
  })
  return { fitting, rejects }
}

function keyOf({ key, columns }: Table, values: readonly (string | null)[]): string[] {
  return key.map((name) => values[columns.findIndex((one) => one.name === name)] ?? '')
}

function readRow(
  { columns }: Table,
  found: unknown,
  known: ReadonlyMap<string, ReadonlySet<string>>
): { readonly values: (string | null)[] } | { readonly reason: string } {
  if (!isObject(found)) return { reason: 'another form found, expected an object' }
  const reasons: string[] = []
  const names = columns.map(({ name }) => name)
  for (const name of Object.keys(found).filter((one) => !names.includes(one))) {
    reasons.push(`unknown field '${name}'${didYouMean(name, names)}`)
  }
  const values = columns.map(({ name, type, isNullable, references }) => {
    const given = found[name] ?? undefined
    if (given === undefined && isNullable === true) return null
    const read = columnValue(type, given)
    if ('problem' in read) {
      reasons.push(`${name}: ${read.problem}`)
      return null
    }
    if (references !== undefined && known.get(references)?.has(read.value ?? '') !== true) {
      reasons.push(`${name}: '${read.value}' is not among the ${references}`)
    }
    return read.value
  })
  return reasons.length > 0 ? { reason: reasons.join('; ') } : { values }
}
