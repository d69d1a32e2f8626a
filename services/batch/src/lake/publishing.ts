import path from 'node:path'
import {
  type Draft,
  type DraftTable,
  type Manifest,
  type Publication,
  publicationName,
  type Published
} from '@tapedeck/lake'
import { Engine, type TableQuery } from './engine.ts'
import { LineFile } from './line-file.ts'
import { checkStopped, type ModuleContext } from './module.ts'
import { SparkEngine } from './spark-engine.ts'
import { codeVersion, queryOf } from './sql.ts'

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

/** What a module is made from, in the order of its inputs; undefined for one that is not published and not needed. */
type Sources = readonly [Published, ...(Published | undefined)[]]

/**
 * The same for what is computed from the module's inputs.
 * @param needed so many of the inputs must be published for the date; all unless given
 * @param others parts that are read beside the inputs
 * @throws SERVER_MISSING when a needed input is not published for the date; what `make` throws
 */
export async function deriving(
  context: ModuleContext,
  make: (sources: Sources, draft: Draft, engine: Engine) => Promise<Omit<Made, 'inputs'>>,
  {
    needed = context.inputs.length,
    others = []
  }: { readonly needed?: number; readonly others?: readonly Published[] } = {}
): Promise<Manifest> {
  const { store, date } = context
  const sources: (Published | undefined)[] = []
  for (const [at, name] of context.inputs.entries()) {
    const part = { ...name, date }
    const isThere = at < needed || (await store.find(part)) !== undefined
    sources.push(isThere ? await store.read(part) : undefined)
  }
  const [first, ...more] = sources
  if (first === undefined) throw new Error('the module has no input')
  const inputs = [...sources, ...others].flatMap((one) => (one === undefined ? [] : [one.input]))
  return publishing(context, async (draft) => {
    const engine = await openEngine(context)
    try {
      return { ...(await make([first, ...more], draft, engine)), inputs }
    } finally {
      await engine.close()
    }
  })
}

/** The engine that BATCH_ENGINE names. */
function openEngine({ lake, output, date, env, signal }: ModuleContext): Promise<Engine> {
  const { spark } = lake
  return spark === undefined
    ? Engine.open(lake)
    : SparkEngine.openWith(lake, spark, { name: `tapedeck ${output} ${date}`, env, signal })
}

/** A table of a draft: a query, the name by which later queries read it, and the columns whose extents are noted. */
export interface DraftQuery extends Partial<TableQuery> {
  readonly name: string
  readonly extents: readonly string[]
}

/**
 * Writes the tables of a draft one after the other, and reads all of them again. The query of a table is the file of its
 * name unless it has one of its own.
 * @throws STATE_CORRUPT; ABORTED
 */
export async function writeTables(
  engine: Engine,
  { folder }: Draft,
  tables: readonly DraftQuery[],
  context: ModuleContext
): Promise<DraftTable[]> {
  for (const { name, view, query = queryOf(name.replaceAll('_', '-')) } of tables) {
    checkStopped(context)
    await engine.writeParquet(folder, { name, query, view })
  }
  const written: DraftTable[] = []
  for (const { name, extents } of tables) {
    written.push({ name, format: 'parquet', ...(await engine.readBack(folder, name, extents)) })
  }
  return written
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
