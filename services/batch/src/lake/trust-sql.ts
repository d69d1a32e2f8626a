import { TapedeckError } from '@tapedeck/core'
import type { Manifest, Published } from '@tapedeck/lake'
import type { SqlFacts } from './capture-sql.ts'
import { checkedRows, quoted } from './checked-rows.ts'
import type { Engine } from './engine.ts'
import type { ModuleContext } from './module.ts'
import { deriving, writeTables, type DraftQuery } from './publishing.ts'
import { hasNoDatabase } from './capture-sql.ts'

/** The counts that were compared; the manifest has them. */
export interface TrustedSqlFacts extends SqlFacts {
  /** Rows that did not fit, by table. */
  readonly rejected: Readonly<Record<string, number>>
}

/**
 * Types what was captured of a relational source, once each by its key, and publishes it when each row of the source is
 * among the rows or the rejects.
 * @returns undefined when no relational database is configured and nothing was captured
 * @throws STATE_CORRUPT with the difference; SERVER_MISSING
 */
export async function trustSql(context: ModuleContext): Promise<Manifest | undefined> {
  if (await hasNoDatabase(context, 'checked')) return undefined
  const { terminal } = context
  const manifest = await deriving(context, async ([raw], draft, engine) => {
    const facts = raw.manifest.facts as unknown as SqlFacts
    const names = raw.manifest.tables.map(({ name }) => name)
    const queries: DraftQuery[] = []
    for (const name of names) queries.push(await checkedTable(engine, raw, name))
    const tables = await writeTables(engine, draft, [...queries, rejectsOf(names)], context)
    const rejected: Record<string, number> = {}
    for (const name of names) {
      const [found] = await engine.rows(
        `select count(*) as n from checked_${name} where _reason is not null`
      )
      rejected[name] = Number(found?.['n'])
      const kept = tables.find((table) => table.name === name)?.rows ?? 0
      checkCount(name, facts.counted[name] ?? 0, kept, rejected[name])
    }
    return { tables, facts: { ...facts, rejected } }
  })
  const { rejected } = manifest.facts as unknown as TrustedSqlFacts
  const rows = manifest.tables
    .filter(({ name }) => name in rejected)
    .map(({ name, rows: kept }) => `${kept} ${name}`)
  const rejects = Object.values(rejected).reduce((sum, one) => sum + one, 0)
  terminal.write(`${manifest.part}: ${rows.join(', ')} as in the source; ${rejects} rejected\n`)
  if (rejects > 0) terminal.note(`${rejects} rows were rejected: see table rejects`)
  return manifest
}

/** The table with the rows that are taken; `checked_NAME` has all of them afterwards. */
async function checkedTable(engine: Engine, raw: Published, name: string): Promise<DraftQuery> {
  const facts = raw.manifest.facts as unknown as SqlFacts
  const columns = raw.manifest.tables.find((one) => one.name === name)?.columns ?? []
  const [key, required] = [facts.keys[name] ?? [], facts.required[name] ?? []]
  const view = `raw_${name}`
  await engine.viewLines(
    view,
    raw.files(name),
    columns.map((one) => one.name)
  )
  await engine.keep(`checked_${name}`, checkedRows({ view, columns, key, required }))
  const all = columns.map((one) => quoted(one.name)).join(', ')
  const order = key.map(quoted).join(', ')
  const query = `select ${all} from checked_${name} where _reason is null order by ${order}`
  return { name, query, extents: key }
}

/** What is not among the rows of any table, with the reason, as it was received. */
function rejectsOf(names: readonly string[]): DraftQuery {
  const parts = names.map(
    (name) =>
      `select '${name}' as table_name, _reason as reason, _row as row_text from checked_${name} where _reason is not null`
  )
  const query = `${parts.join(' union all ')} order by table_name, row_text`
  return { name: 'rejects', query, extents: [] }
}

function checkCount(name: string, counted: number, kept: number, rejects: number): void {
  if (kept + rejects === counted) return
  throw new TapedeckError(
    'STATE_CORRUPT',
    `Cannot trust ${name}: ${counted} rows in the source, ${kept} in the lake and ${rejects} rejected, ` +
      `a difference of ${counted - kept - rejects}`
  )
}
