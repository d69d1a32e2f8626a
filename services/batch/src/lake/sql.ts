import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const FOLDER = path.join(import.meta.dirname, 'sql')

/** The queries of the lake by name: each file of `sql` is one SELECT, the same text for DuckDB and Spark. */
const QUERIES: ReadonlyMap<string, string> = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => [
      file.slice(0, -'.sql'.length),
      readFileSync(path.join(FOLDER, file), 'utf8').trim()
    ])
)

/** The text of a query. @throws when there is none, which is a mistake in the program */
export function queryOf(name: string): string {
  const text = QUERIES.get(name)
  if (text === undefined) throw new Error(`No query ${name} found in ${FOLDER}`)
  return text
}

/** What a manifest says of the code that made a part. */
export function codeVersion(): { readonly version: string; readonly sha256: string } {
  const manifest = JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8')
  ) as { version: string }
  const hash = createHash('sha256')
  for (const [name, text] of QUERIES) hash.update(`${name}\n${text}\n`)
  return { version: manifest.version, sha256: hash.digest('hex') }
}
