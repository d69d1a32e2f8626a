import path from 'node:path'
import { Engine } from './engine.ts'
import { LineFile } from './line-file.ts'
import { publicationName, type Manifest } from './manifest.ts'
import type { ModuleContext } from './module.ts'
import { codeVersion, queryOf } from './sql.ts'
import type { Draft, DraftTable, Publication, Published } from './store.ts'

/** What a module has made of a date. */
type Made = Pick<Publication, 'tables' | 'inputs' | 'facts' | 'isAppended'>

/** Publishes what `make` writes into a draft of the module's output. When it fails, nothing is published. */
export async function publishing(
  { store, output, date, run, attempt }: ModuleContext,
  make: (draft: Draft) => Promise<Made>
): Promise<Manifest> {
  const draft = await store.begin({ ...publicationName(output), date }, run, attempt)
  try {
    const made = await make(draft)
    return await store.publish(draft, { run, attempt, code: codeVersion(), ...made })
  } catch (error) {
    await store.discard(draft)
    throw error
  }
}

/**
 * The same for what is computed from the module's one input.
 * @throws SERVER_MISSING when the input is not published for the date; what `make` throws
 */
export async function deriving(
  context: ModuleContext,
  make: (source: Published, draft: Draft, engine: Engine) => Promise<Omit<Made, 'inputs'>>
): Promise<Manifest> {
  const [input] = context.inputs
  if (input === undefined) throw new Error('the module has no input')
  const source = await context.store.read({ ...input, date: context.date })
  return publishing(context, async (draft) => {
    const engine = await Engine.open(context.lake)
    try {
      return { ...(await make(source, draft, engine)), inputs: [source.input] }
    } finally {
      await engine.close()
    }
  })
}

/** Writes the query of a table as its file in a draft. */
export async function writeTable(
  engine: Engine,
  { folder }: Draft,
  { name, extents }: { readonly name: string; readonly extents: readonly string[] }
): Promise<{ readonly table: DraftTable; readonly file: string }> {
  const fileName = `${name}.parquet`
  const file = path.join(folder, fileName)
  const written = await engine.writeParquet(queryOf(name.replaceAll('_', '-')), file, extents)
  return { table: { name, format: 'parquet', ...written, files: [fileName] }, file }
}

/** Writes lines as a table of a draft; `fill` gives them to the file. */
export async function writeLines(
  { folder }: Draft,
  name: string,
  fill: (file: LineFile) => Promise<void>
): Promise<DraftTable> {
  const fileName = `${name}.ndjson.gz`
  const file = LineFile.create(path.join(folder, fileName))
  try {
    await fill(file)
  } finally {
    await file.close()
  }
  const { lines: rows, extents } = file
  return { name, format: 'ndjson.gz', rows, columns: [], extents, files: [fileName] }
}
