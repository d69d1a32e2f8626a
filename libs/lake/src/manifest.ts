import { messageOf, TapedeckError } from '@tapedeck/core'

/** The zones of the lake: as received, checked and typed, computed. */
export const ZONES = ['raw', 'trusted', 'refined'] as const
export type Zone = (typeof ZONES)[number]

/** What is published together, such as `trusted/tape`; its parts are dates. */
export interface PublicationName {
  readonly zone: Zone
  readonly name: string
}

/** A date of a publication: what one manifest describes. */
export interface PartName extends PublicationName {
  /** Trading date, YYYY-MM-DD. */
  readonly date: string
}

/** One file of a table. */
export interface PublishedFile {
  /** Relative to the folder of the date. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** The least and the greatest value of a column, as texts. */
export type Extent = readonly [least: string, greatest: string]

export interface PublishedTable {
  readonly name: string
  readonly format: 'parquet' | 'ndjson.gz' | 'html' | 'json'
  readonly rows: number
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Of the columns that a reader may choose files by; empty for a table without rows. */
  readonly extents: Readonly<Record<string, Extent>>
  readonly files: readonly PublishedFile[]
}

/** A version of another part from which this one was made. */
export interface Input {
  readonly part: string
  readonly version: string
  /** Digest of its manifest. */
  readonly sha256: string
}

/** Describes a date of a publication; written last, so that whoever finds it finds all of its files. */
export interface Manifest {
  readonly format: 1
  readonly part: string
  /** Names the folder of the files. */
  readonly version: string
  readonly run: string
  readonly attempt: number
  /** ISO 8601. */
  readonly publishedAt: string
  /** The program's version and a digest of its SQL. */
  readonly code: { readonly version: string; readonly sha256: string }
  readonly inputs: readonly Input[]
  readonly tables: readonly PublishedTable[]
  /** What was counted and checked beside the rows. */
  readonly facts: Readonly<Record<string, unknown>>
  /** The version before this one, whose files still exist; null for the first. */
  readonly previous: string | null
  /** Folders that the version before names and this one does not: the next version removes them. */
  readonly retired: readonly string[]
}

/** Begins the name of a file that holds many snapshots. */
export const MERGED = 'merged-'

/** Whether a file is one of those that are published one by one beside each other. */
export function isSnapshot(file: PublishedFile): boolean {
  return !fileName(file).startsWith(MERGED)
}

function fileName({ path }: PublishedFile): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The folders of the files of tables, each once. */
export function foldersOf(tables: readonly PublishedTable[]): string[] {
  const folders = tables.flatMap(({ files }) =>
    files.map(({ path }) => path.slice(0, path.indexOf('/')))
  )
  return [...new Set(folders)]
}

/** Tables with the files, rows and extents of both; pure. Tables of one name are one. */
export function appendedTables(
  before: readonly PublishedTable[],
  added: readonly PublishedTable[]
): PublishedTable[] {
  const names = [...new Set([...before, ...added].map(({ name }) => name))]
  return names.flatMap((name) => {
    const [earlier, later] = [before, added].map((tables) =>
      tables.find((one) => one.name === name)
    )
    if (earlier === undefined || later === undefined) return earlier ?? later ?? []
    return {
      ...later,
      rows: earlier.rows + later.rows,
      extents: unitedExtents(earlier.extents, later.extents),
      files: [...earlier.files, ...later.files]
    }
  })
}

type Extents = PublishedTable['extents']

/** Of a table without rows there are none. */
function unitedExtents(a: Extents, b: Extents): Extents {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return Object.fromEntries(
    names.flatMap((name): [string, Extent][] => {
      const values = [...(a[name] ?? []), ...(b[name] ?? [])].toSorted()
      const [least, greatest] = [values[0], values.at(-1)]
      return least === undefined || greatest === undefined ? [] : [[name, [least, greatest]]]
    })
  )
}

/** `raw/tape` of the command line. @throws CONFIG_INVALID */
export function publicationName(text: string): PublicationName {
  const [zone = '', name = '', ...rest] = text.replace(/\/$/, '').split('/')
  const known = ZONES.find((one) => one === zone)
  if (known !== undefined && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(name) && rest.length === 0) {
    return { zone: known, name }
  }
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot use '${text}' of the lake: expected ZONE/NAME such as trusted/tape, with a zone of ${ZONES.join(', ')}`
  )
}

/** `trusted/tape/2026-03-10`, for messages and inputs. */
export function partText({ zone, name, date }: PartName): string {
  return `${zone}/${name}/${date}`
}

/** Reads the text of a manifest. @throws STATE_CORRUPT, STATE_TOO_NEW */
export function parseManifest(file: string, text: string): Manifest {
  let found: Partial<Manifest>
  try {
    found = JSON.parse(text) as Partial<Manifest>
  } catch (cause) {
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot read the manifest ${file}: ${messageOf(cause)}`,
      {
        cause
      }
    )
  }
  if (typeof found.format === 'number' && found.format > 1) {
    throw new TapedeckError(
      'STATE_TOO_NEW',
      `Cannot read the manifest ${file}: format ${found.format} found, expected 1`
    )
  }
  if (found.format !== 1 || !isComplete(found)) {
    throw new TapedeckError(
      'STATE_CORRUPT',
      `Cannot read the manifest ${file}: another form found, expected a manifest of format 1`
    )
  }
  return { retired: [], ...found } as Manifest
}

/** Whether it has what every reader of the lake relies on; what else it says is for people and for its own module. */
function isComplete({ version, run, publishedAt, tables }: Partial<Manifest>): boolean {
  return (
    typeof version === 'string' &&
    typeof run === 'string' &&
    !Number.isNaN(Date.parse(String(publishedAt))) &&
    Array.isArray(tables) &&
    (tables as readonly unknown[]).every(isTable)
  )
}

function isTable(found: unknown): boolean {
  const { name, files } = (found ?? {}) as Partial<PublishedTable>
  return (
    typeof name === 'string' &&
    Array.isArray(files) &&
    (files as readonly unknown[]).every((file) => {
      const { path, bytes, sha256 } = (file ?? {}) as Partial<PublishedFile>
      // A version and a name: no path that leads out of the folder of the date.
      const isWithin = /^(?!\.\.?\/)[^/\\]+\/(?!\.\.?$)[^/\\]+$/.test(String(path))
      return isWithin && typeof bytes === 'number' && /^[0-9a-f]{64}$/.test(String(sha256))
    })
  )
}
