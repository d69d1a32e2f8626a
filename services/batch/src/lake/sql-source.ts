import { isObject, optional, readEnv, type Env, type Json } from '@tapedeck/core'
import { MARIADB_VARIABLES, readMariadbConfig, type MariadbConfig } from '@tapedeck/mariadb'
import { checkDefinition, noteUnknown, parseDefinition } from './definition.ts'

/** A table or a query of a relational source. */
export interface SqlQuery {
  readonly name: string
  /** One SELECT, without a semicolon; `{date}` is the trading date. */
  readonly text: string
  /** The columns that tell its rows apart. */
  readonly key: readonly string[]
  /** Columns without which a row is rejected. */
  readonly required: readonly string[]
}

/** A relational source, as its definition file says. */
export interface SqlSource {
  /** Undefined: none is configured. */
  readonly database: MariadbConfig | undefined
  readonly queries: readonly SqlQuery[]
}

/** What a column of the lake may be called. */
export const COLUMN = /^[A-Za-z][A-Za-z0-9_]{0,62}$/
const TABLE = /^[A-Za-z0-9_$]{1,64}(\.[A-Za-z0-9_$]{1,64})?$/
const NAME = /^[a-z][a-z0-9_]{0,40}$/

/**
 * Reads a definition: `{"url": {"env": "MARIADB_URL"}, "queries": [{"name": "positions", "table": "positions", "key":
 * ["portfolio", "symbol"]}]}`, with `"query": "select …"` in place of a table.
 * @throws CONFIG_INVALID with every mistake
 */
export function readSqlSource(file: string, text: string, env: Env): SqlSource {
  const mistakes: string[] = []
  const found = parseDefinition(text, ['url', 'queries'], mistakes)
  const variable = isObject(found['url']) ? found['url']['env'] : undefined
  if (typeof variable !== 'string') {
    mistakes.push('url is another form, expected {"env": VARIABLE}: an address holds a password')
  }
  const list = found['queries']
  if (!Array.isArray(list) || list.length === 0) {
    mistakes.push('queries is no list with an element, expected what to copy')
  }
  const queries = (Array.isArray(list) ? list : []).map((one: unknown, i) =>
    readQuery(`query ${i + 1}`, isObject(one) ? one : {}, mistakes)
  )
  const names = queries.map(({ name }) => name)
  for (const name of new Set(names.filter((one, i) => names.indexOf(one) !== i))) {
    mistakes.push(`the name ${name} is given twice`)
  }
  checkDefinition(file, mistakes)
  return { database: databaseOf(String(variable), env), queries }
}

function databaseOf(variable: string, env: Env): MariadbConfig | undefined {
  if (variable === 'MARIADB_URL') return readMariadbConfig(env)
  return readEnv(env, { [variable]: optional(MARIADB_VARIABLES.MARIADB_URL) })[variable]
}

function readQuery(place: string, found: Json, mistakes: string[]): SqlQuery {
  noteUnknown(`${place}: `, found, ['name', 'table', 'query', 'key', 'required'], mistakes)
  const { name, table, query, key, required = [] } = found
  if (typeof name !== 'string' || !NAME.test(name)) {
    mistakes.push(`${place}: name is missing, expected small letters, digits and _`)
  }
  if ((table === undefined) === (query === undefined)) {
    mistakes.push(`${place}: expected either a table or a query`)
  }
  if (table !== undefined && (typeof table !== 'string' || !TABLE.test(table))) {
    mistakes.push(`${place}: table is no name, expected NAME or DATABASE.NAME`)
  }
  const text = typeof query === 'string' ? query.trim().replace(/;$/, '') : ''
  if (query !== undefined && !/^(select|with)\b[^;]*$/is.test(text)) {
    mistakes.push(`${place}: query is no single SELECT`)
  }
  if (!isColumns(key) || key.length === 0) {
    mistakes.push(`${place}: key is missing, expected the columns that tell its rows apart`)
  }
  if (!isColumns(required)) mistakes.push(`${place}: required is no list of columns`)
  return {
    name: String(name),
    text: text === '' ? `select * from \`${String(table).replaceAll('.', '`.`')}\`` : text,
    key: isColumns(key) ? key : [],
    required: isColumns(required) ? required : []
  }
}

function isColumns(found: unknown): found is readonly string[] {
  return Array.isArray(found) && found.every((one) => typeof one === 'string' && COLUMN.test(one))
}
