import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'
import type { HasLateTrades } from './late-trades.ts'
import type { HasTrades } from './trades.ts'

/** A file whose trades were imported: where they come from. `_id` is the connection in the ids of its trades. */
export interface ImportDocument {
  readonly _id: string
  /** Of the file's bytes. */
  readonly sha256: string
  readonly file: string
  readonly bytes: number
  readonly feed: string
  /** Which column of the file each field was read from, and what stands for a missing one. */
  readonly columns: Readonly<Record<string, string>>
  readonly trades: number
  readonly badRows: number
  /** Times of the earliest and the latest trade. */
  readonly from: Date
  readonly to: Date
  /** Frames that the broker has; those after them may have been sent by a run that was cut off. */
  readonly publishedFrames: number
  readonly startedAt: Date
  /** Null while frames are missing. */
  readonly doneAt: Date | null
}

export const IMPORTS = new CollectionSpec<ImportDocument>('imports', { writeConcern: DURABLE })

type HasImports = Has<'imports', ImportDocument>

/** The import of a file with these bytes; undefined when there is none. @throws DATABASE_UNREACHABLE */
export async function findImport(
  { imports }: HasImports,
  connection: string
): Promise<ImportDocument | undefined> {
  const found = await translated('Cannot read imports', () => imports.findOne({ _id: connection }))
  return found ?? undefined
}

/** Stores an import that begins. @throws DATABASE_UNREACHABLE */
export async function beginImport(
  { imports }: HasImports,
  document: ImportDocument
): Promise<void> {
  await translated('Cannot store an import', () => imports.insertOne(document))
}

/** Stores how far an import has come. @throws DATABASE_UNREACHABLE */
export async function noteImport(
  { imports }: HasImports,
  connection: string,
  progress: Pick<ImportDocument, 'publishedFrames' | 'doneAt'>
): Promise<void> {
  await translated('Cannot store an import', () =>
    imports.updateOne({ _id: connection }, { $set: progress })
  )
}

/** How many trades of an import are stored, and how many of them are in no bar. @throws DATABASE_UNREACHABLE */
export async function countImported(
  { trades, lateTrades }: HasTrades & HasLateTrades,
  connection: string
): Promise<{ readonly stored: number; readonly excluded: number }> {
  // The characters after the dash of an id, and after every such id.
  const ids = { _id: { $gte: `${connection}-`, $lt: `${connection}.` } }
  const [stored, excluded] = await translated('Cannot count trades', () =>
    Promise.all([trades.countDocuments(ids), lateTrades.countDocuments(ids)])
  )
  return { stored, excluded }
}
