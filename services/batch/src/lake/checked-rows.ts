/** A column with its type in words that DuckDB and Spark SQL share. */
interface TypedColumn {
  readonly name: string
  readonly type: string
}

export interface RowChecks {
  /** Name of the view with the rows as texts. */
  readonly view: string
  readonly columns: readonly TypedColumn[]
  /** The columns that tell rows apart. */
  readonly key: readonly string[]
  /** Columns without which a row is rejected, beside those of the key. */
  readonly required: readonly string[]
}

/**
 * The query that types rows of texts. Its columns are those of the rows, `_reason` (why a row is refused; null where it is
 * taken) and `_row` (the row as one text). Of rows with one key the first in the order of all their texts is taken.
 */
export function checkedRows({ view, columns, key, required }: RowChecks): string {
  const needed = [...new Set([...key, ...required])]
  const keys = key.map(quoted).join(', ')
  // Where nulls come first is what the engines disagree on.
  const all = columns.map(({ name }) => `${quoted(name)} nulls last`).join(', ')
  const typed = columns.filter(({ type }) => type !== 'string')
  const reasons = [
    ...needed.map((name) => `when ${quoted(name)} is null then '${name} is missing'`),
    ...typed.map(
      ({ name, type }) =>
        `when ${quoted(name)} is not null and ${cast(name, type)} is null ` +
        `then concat('${name} is ', ${quoted(name)}, ', expected ${article(type)}')`
    ),
    `when _copy > 1 then concat('the key (${key.join(', ')}) stands in the capture more than once')`
  ]
  const texts = columns.map(({ name }) => `concat('${name}=', coalesce(${quoted(name)}, 'null'))`)
  const values = columns.map(({ name, type }) =>
    type === 'string' ? quoted(name) : `${cast(name, type)} as ${quoted(name)}`
  )
  return [
    `select ${values.join(', ')},`,
    `  case ${reasons.join('\n    ')} end as _reason,`,
    `  concat_ws(', ', ${texts.join(', ')}) as _row`,
    `from (select *, row_number() over (partition by ${keys} order by ${all}) as _copy from ${view}) as counted`
  ].join('\n')
}

function cast(name: string, type: string): string {
  return `try_cast(${quoted(name)} as ${type})`
}

function article(type: string): string {
  return type === 'bigint' ? 'a whole number' : `a ${type}`
}

/** Names are letters, digits and `_`; between quotes they may be words of the language too. */
export function quoted(name: string): string {
  return `"${name}"`
}
