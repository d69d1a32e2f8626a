/** A column of a table, in the words of the database. */
interface TableColumn {
  readonly name: string
  /** `varchar(n)`, `decimal(p,s)`, `bigint`, `date` or `timestamp(6)`. */
  readonly type: string
  readonly isNullable?: boolean
  /** The table whose key this is. */
  readonly references?: string
}

export interface Table {
  readonly name: string
  readonly key: readonly string[]
  readonly columns: readonly TableColumn[]
}

/** What the loader fills, in the order in which one refers to the other. */
export const TABLES: readonly Table[] = [
  {
    name: 'instruments',
    key: ['symbol'],
    columns: [
      { name: 'symbol', type: 'varchar(64)' },
      { name: 'name', type: 'varchar(200)' },
      { name: 'kind', type: 'varchar(20)' },
      { name: 'currency', type: 'varchar(10)' },
      { name: 'listed', type: 'date', isNullable: true }
    ]
  },
  {
    name: 'portfolios',
    key: ['portfolio'],
    columns: [
      { name: 'portfolio', type: 'varchar(40)' },
      { name: 'name', type: 'varchar(200)' },
      { name: 'account', type: 'bigint', isNullable: true },
      { name: 'opened', type: 'date', isNullable: true }
    ]
  },
  {
    name: 'positions',
    key: ['portfolio', 'symbol'],
    columns: [
      { name: 'portfolio', type: 'varchar(40)', references: 'portfolios' },
      { name: 'symbol', type: 'varchar(64)', references: 'instruments' },
      // Negative where it is sold short.
      { name: 'quantity', type: 'decimal(18,6)' },
      // Of the whole position, in the currency of the instrument.
      { name: 'cost', type: 'decimal(20,8)' },
      { name: 'changed', type: 'timestamp(6)', isNullable: true }
    ]
  }
]

/** The statement that makes a table where it is missing. */
export function creation({ name, key, columns }: Table): string {
  const lines = columns.map(
    (one) => `${one.name} ${one.type} ${one.isNullable === true ? 'null' : 'not null'}`
  )
  const references = columns.flatMap((one) =>
    one.references === undefined
      ? []
      : [`foreign key (${one.name}) references ${one.references} (${one.name})`]
  )
  return (
    `create table if not exists ${name} (${[...lines, `primary key (${key.join(', ')})`, ...references].join(', ')}) ` +
    'engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin'
  )
}

/** The statement that writes so many rows: new ones are inserted, others replaced. */
export function upsert({ name, key, columns }: Table, rows: number): string {
  const names = columns.map((one) => one.name)
  const values = `(${names.map(() => '?').join(', ')})`
  const others = names.filter((one) => !key.includes(one))
  return (
    `insert into ${name} (${names.join(', ')}) values ${Array.from({ length: rows }, () => values).join(', ')} ` +
    `on duplicate key update ${others.map((one) => `${one} = values(${one})`).join(', ')}`
  )
}
