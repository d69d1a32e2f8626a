import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { hasCode, TapedeckError } from '@tapedeck/core'
import { digestOf, digestOfFile, FolderStorage } from './folder-storage.ts'
import {
  appendedTables,
  foldersOf,
  isSnapshot,
  MERGED,
  parseManifest,
  partText,
  type Input,
  type Manifest,
  type PartName,
  type PublicationName,
  type PublishedFile,
  type PublishedTable,
  type Zone
} from './manifest.ts'
import type { LakeStorage, StoredText } from './storage.ts'

/** A table whose files lie in the folder of a draft. */
export interface DraftTable extends Omit<PublishedTable, 'files'> {
  /** Names of the files in the folder. */
  readonly files: readonly string[]
}

/** Files that are being written; nobody reads them before they are published. */
export interface Draft {
  readonly part: PartName
  readonly version: string
  readonly folder: string
}

/** What a manifest says beside the files. */
export interface Publication extends Pick<Manifest, 'code' | 'inputs' | 'facts'> {
  readonly run: string
  readonly attempt: number
  readonly tables: readonly DraftTable[]
  /** Its files stand beside those that the part has already, instead of in their place. */
  readonly isAppended?: boolean
}

/** A published part, found through its manifest. */
interface Found {
  readonly part: PartName
  readonly manifest: Manifest
  /** To be named as an input of what is made from it. */
  readonly input: Input
}

/** A published part whose files are on this machine, as its manifest says. */
export interface Published extends Found {
  /** The files of a table, absolute. @throws STATE_CORRUPT for a table that it does not have */
  files(table: string): readonly string[]
}

const STAGING = '.staging'
const MANIFEST = 'manifest.json'
/** A draft that nobody has published for so long belongs to a process that is gone. */
const DRAFT_KEPT_MS = 86_400_000
/** So many snapshots of a date are merged into one file, so that neither a file nor the manifest is rewritten as a whole day. */
const SNAPSHOTS_MERGED = 64
/** Publishers of one part that come in between before this one gives up. */
const TRIES = 20

/**
 * The lake. A date of a publication is a folder of versions and a manifest that names the files that count.
 *
 * Files are written in `.staging` on this machine, put as a whole into a folder of their own, and become readable when the
 * manifest is replaced, which is one step of the storage. So a process killed at any moment leaves either the version
 * before or the new one, and never a mixture. Readers look for manifests only, never for files (docs/adr/0051-manifests.md).
 */
export class Lake {
  /** The folder on this machine for what is being written, and for the lake itself unless it is in an object store. */
  readonly dir: string
  readonly #storage: LakeStorage

  constructor(dir: string, storage: LakeStorage = new FolderStorage(dir)) {
    this.dir = dir
    this.#storage = storage
  }

  /** Begins a version of a part. Drafts that were left behind by processes that are gone are removed. */
  async begin(part: PartName, run: string, attempt: number): Promise<Draft> {
    await this.#removeOldDrafts()
    const name = `${run}-${attempt}`.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(-100)
    // Two runs by hand have the same name.
    const version = `${name}-${randomBytes(4).toString('hex')}`
    const folder = path.join(this.dir, STAGING, version)
    await mkdir(folder, { recursive: true })
    return { part, version, folder }
  }

  /** Removes a draft that is not to be published. */
  async discard({ folder }: Draft): Promise<void> {
    await rm(folder, { recursive: true, force: true })
  }

  /**
   * Publishes a draft in place of the version before, or beside its files. The caller has checked its tables.
   * @throws STATE_CORRUPT when a file is missing or empty; RUN_IN_PROGRESS when other processes publish the same part
   * or a later attempt of the same run has replaced it
   */
  async publish(draft: Draft, publication: Publication): Promise<Manifest> {
    const { part, version, folder } = draft
    const tables = await Promise.all(
      publication.tables.map(async (table) => ({
        ...table,
        files: await Promise.all(table.files.map((file) => written(folder, version, file)))
      }))
    )
    return this.#storage.exclusively(homeOf(part), async () => {
      for (let tried = 0; tried < TRIES; tried++) {
        const before = await this.#load(part)
        // The answer to a try before may have been lost, and another process may have published since.
        if (tried > 0 && before !== undefined && isNamed(version, before.manifest))
          return before.manifest
        const manifest = await this.#successor(draft, publication, tables, before?.manifest)
        if (await this.#replace(draft, manifest, before)) return manifest
      }
      throw new TapedeckError(
        'RUN_IN_PROGRESS',
        `Cannot publish ${partText(part)}: other processes published it ${TRIES} times meanwhile`
      )
    })
  }

  /** The manifest that follows the present one. */
  async #successor(
    draft: Draft,
    { run, attempt, code, inputs, facts, isAppended = false }: Publication,
    tables: readonly PublishedTable[],
    before: Manifest | undefined
  ): Promise<Manifest> {
    const { part, version } = draft
    if (!isAppended && before?.run === run && before.attempt > attempt) {
      throw new TapedeckError(
        'RUN_IN_PROGRESS',
        `Cannot publish ${partText(part)}: attempt ${before.attempt} of run ${run} has published it, ` +
          `this is attempt ${attempt}`
      )
    }
    const all =
      isAppended && before !== undefined
        ? appendedTables(await this.#merged(draft, before), tables)
        : tables
    const named = new Set(foldersOf(all))
    return {
      format: 1,
      part: partText(part),
      version,
      run,
      attempt,
      publishedAt: new Date().toISOString(),
      code,
      inputs,
      tables: all,
      facts,
      previous: before?.version ?? null,
      retired: before === undefined ? [] : foldersOf(before.tables).filter((one) => !named.has(one))
    }
  }

  /** Puts the files of a draft and then the manifest. False when another process has published the part meanwhile. */
  async #replace(
    { part, version, folder }: Draft,
    manifest: Manifest,
    before: Loaded | undefined
  ): Promise<boolean> {
    const home = homeOf(part)
    const text = `${JSON.stringify(manifest, undefined, 2)}\n`
    await this.#storage.putFolder(folder, `${home}/${version}`)
    const isReplaced = await this.#storage.replaceText(
      `${home}/${MANIFEST}`,
      text,
      before?.stored.tag ?? null
    )
    if (!isReplaced) return false
    await rm(folder, { recursive: true, force: true })
    // Readers that have just read the manifest before still find its files.
    const kept = [...foldersOf(manifest.tables), version, ...manifest.retired]
    await this.#storage.sweep(home, new Set(kept), before?.manifest.retired ?? [])
    return true
  }

  /** The tables of a manifest; where a table has many snapshots, they are one file in the draft afterwards. */
  async #merged(
    { part, version, folder }: Draft,
    { tables }: Manifest
  ): Promise<readonly PublishedTable[]> {
    const merging = tables.map(async (table): Promise<PublishedTable> => {
      const snapshots = table.files.filter(isSnapshot)
      if (table.format !== 'ndjson.gz' || snapshots.length < SNAPSHOTS_MERGED) return table
      const name = `${MERGED}${table.name}.ndjson.gz`
      const from = await Promise.all(
        snapshots.map((file) => this.#storage.open(`${homeOf(part)}/${file.path}`, file))
      )
      await pipeline(contentsOf(from), createWriteStream(path.join(folder, name)))
      const one = await written(folder, version, name)
      return { ...table, files: [...table.files.filter((file) => !isSnapshot(file)), one] }
    })
    return Promise.all(merging)
  }

  /** A published part; undefined when there is none. @throws STATE_CORRUPT, STATE_TOO_NEW */
  async find(part: PartName): Promise<Found | undefined> {
    const found = await this.#load(part)
    if (found === undefined) return undefined
    const { manifest, stored } = found
    const { version } = manifest
    return {
      part,
      manifest,
      input: { part: partText(part), version, sha256: digestOf(stored.text) }
    }
  }

  async #load(part: PartName): Promise<Loaded | undefined> {
    const key = `${homeOf(part)}/${MANIFEST}`
    const stored = await this.#storage.readText(key)
    if (stored === undefined) return undefined
    return { stored, manifest: parseManifest(`${this.#storage.name}/${key}`, stored.text) }
  }

  /**
   * A published part whose files are as its manifest says.
   * @throws SERVER_MISSING when it is not published; STATE_CORRUPT when a file is missing or differs
   */
  async read(part: PartName): Promise<Published> {
    const found = await this.find(part)
    if (found === undefined) {
      throw new TapedeckError(
        'SERVER_MISSING',
        `Cannot read ${partText(part)}: it is not published in ${this.#storage.name}, expected the step before to have run`
      )
    }
    const paths = new Map<string, string[]>()
    for (const { name, files } of found.manifest.tables) {
      const own: string[] = []
      for (const file of files) {
        try {
          own.push(await this.#storage.open(`${homeOf(part)}/${file.path}`, file))
        } catch (error) {
          // Two versions may have been published since the manifest was read, or the part was removed.
          if (!hasCode(error, 'STATE_CORRUPT')) throw error
          const now = await this.find(part)
          if (now?.manifest.version === found.manifest.version) throw error
          return this.read(part)
        }
      }
      paths.set(name, own)
    }
    return {
      ...found,
      files(name) {
        const own = paths.get(name)
        if (own !== undefined) return own
        throw new TapedeckError(
          'STATE_CORRUPT',
          `Cannot read ${partText(part)}: no table ${name} found, expected one beside ` +
            [...paths.keys()].join(', ')
        )
      }
    }
  }

  /** The published dates of a publication, ascending. */
  async dates(publication: PublicationName): Promise<string[]> {
    return [...(await this.changes(publication)).keys()]
  }

  /** The published dates of a publication, ascending, each with a text that is another once the date is published again. */
  async changes({ zone, name }: PublicationName): Promise<ReadonlyMap<string, string>> {
    const found = await this.#storage.changes(`${zone}/${name}`, MANIFEST)
    const dates = [...found].flatMap(([folder, change]): [string, string][] => {
      const date = dateOf(folder)
      return date === undefined ? [] : [[date, change]]
    })
    return new Map(dates.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** The publications of a zone that have folders of dates, by name. */
  async publications(zone: Zone): Promise<string[]> {
    return (await this.#storage.folders(zone)).toSorted()
  }

  /**
   * Removes the dates of a publication before one, also what killed processes have left of them. A reader finds a part
   * whole or not at all.
   * @param before YYYY-MM-DD
   * @returns how many published dates there were
   */
  async removeBefore({ zone, name }: PublicationName, before: string): Promise<number> {
    let removed = 0
    for (const folder of await this.#storage.folders(`${zone}/${name}`)) {
      const date = dateOf(folder)
      if (date === undefined || date >= before) continue
      const home = homeOf({ zone, name, date })
      await this.#storage.exclusively(home, async () => {
        const found = await this.#load({ zone, name, date })
        const { tables, retired } = found?.manifest ?? { tables: [], retired: [] }
        await this.#storage.remove(home, MANIFEST, [...foldersOf(tables), ...retired])
        if (found !== undefined) removed++
      })
    }
    return removed
  }

  /** Replaces a text whose name stays the same, such as the copy of a report. Returns its place, for people. */
  async putText(key: string, text: string): Promise<string> {
    await this.#storage.replaceText(key, text, undefined)
    return `${this.#storage.name}/${key}`
  }

  async #removeOldDrafts(): Promise<void> {
    const folder = path.join(this.dir, STAGING)
    for (const name of await readdir(folder).catch(() => [])) {
      const draft = path.join(folder, name)
      const { mtimeMs } = await stat(draft).catch(() => ({ mtimeMs: Infinity }))
      if (Date.now() - mtimeMs > DRAFT_KEPT_MS) await rm(draft, { recursive: true, force: true })
    }
  }
}

/** The bytes of files, one after the other: a file of gzip may have any number of members. */
async function* contentsOf(files: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of files) {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer
  }
}

/** A manifest, and its text as it is stored. */
interface Loaded {
  readonly manifest: Manifest
  readonly stored: StoredText
}

/** The folder of a part within the lake. */
function homeOf({ zone, name, date }: PartName): string {
  return `${zone}/${name}/trade_date=${date}`
}

/** The date of a folder of a publication; undefined for another folder. */
function dateOf(folder: string): string | undefined {
  return /^trade_date=(\d{4}-\d{2}-\d{2})$/.exec(folder)?.[1]
}

/** Whether a manifest, or the one before it, has the files of a version. */
function isNamed(version: string, { tables, retired }: Manifest): boolean {
  return retired.includes(version) || foldersOf(tables).includes(version)
}

/** A file of a draft that is on the disk, as the manifest will name it. */
async function written(folder: string, version: string, name: string): Promise<PublishedFile> {
  const file = path.join(folder, name)
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new TapedeckError('STATE_CORRUPT', `Cannot publish ${file}: it was not written`, {
      cause
    })
  })
  try {
    await handle.sync()
    const { size: bytes } = await handle.stat()
    if (bytes === 0) {
      throw new TapedeckError('STATE_CORRUPT', `Cannot publish ${file}: it is empty`)
    }
    return { path: `${version}/${name}`, bytes, sha256: await digestOfFile(file) }
  } finally {
    await handle.close()
  }
}
