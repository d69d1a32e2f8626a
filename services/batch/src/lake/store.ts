import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { fullJitter, hasCode, retry, takeLock, TapedeckError } from '@tapedeck/core'
import {
  parseManifest,
  partText,
  type Input,
  type Manifest,
  type PartName,
  type PublicationName,
  type PublishedFile,
  type PublishedTable
} from './manifest.ts'

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
}

/** A published part, found through its manifest. */
export interface Published {
  readonly part: PartName
  readonly manifest: Manifest
  /** To be named as an input of what is made from it. */
  readonly input: Input
  /** The files of a table, absolute. @throws STATE_CORRUPT for a table that it does not have */
  files(table: string): readonly string[]
}

const STAGING = '.staging'
const LOCKS = '.locks'
const MANIFEST = 'manifest.json'
/** A draft that nobody has published for so long belongs to a process that is gone. */
const DRAFT_KEPT_MS = 86_400_000
const LOCK_LIMIT_MS = 30_000
const lockJitterMs = fullJitter({ baseMs: 50, capMs: 500 })

/**
 * The lake in a folder. A date of a publication is a folder of versions and a manifest that names one of them.
 *
 * Files are written in `.staging`, moved as a whole into a folder of their own, and become readable when the manifest is
 * replaced, which is one rename. So a process killed at any moment leaves either the version before or the new one, and
 * never a mixture. Readers look for manifests only, never for files (docs/adr/0051-manifests.md).
 */
export class Lake {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
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
   * Publishes a draft in place of the version before. The caller has checked its tables.
   * @throws STATE_CORRUPT when a file is missing or empty; RUN_IN_PROGRESS when another process publishes the same part
   * or a later attempt of the same run has published it
   */
  async publish(draft: Draft, publication: Publication): Promise<Manifest> {
    const { part, version, folder } = draft
    const home = this.#home(part)
    const tables = await Promise.all(
      publication.tables.map(async (table) => ({
        ...table,
        files: await Promise.all(table.files.map((file) => published(folder, version, file)))
      }))
    )
    await syncFolder(folder)
    await mkdir(home, { recursive: true })
    return this.#exclusively(part, async () => {
      const before = await this.find(part)
      const { run, attempt, code, inputs, facts } = publication
      if (before?.manifest.run === run && before.manifest.attempt > attempt) {
        throw new TapedeckError(
          'RUN_IN_PROGRESS',
          `Cannot publish ${partText(part)}: attempt ${before.manifest.attempt} of run ${run} has published it, ` +
            `this is attempt ${attempt}`
        )
      }
      const manifest: Manifest = {
        format: 1,
        part: partText(part),
        version,
        run,
        attempt,
        publishedAt: new Date().toISOString(),
        code,
        inputs,
        tables,
        facts,
        previous: before?.manifest.version ?? null
      }
      await rename(folder, path.join(home, version))
      await syncFolder(home)
      await replaceFile(path.join(home, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`)
      await removeOthers(home, [version, manifest.previous])
      return manifest
    })
  }

  /** A published part; undefined when there is none. @throws STATE_CORRUPT, STATE_TOO_NEW */
  async find(part: PartName): Promise<Published | undefined> {
    const home = this.#home(part)
    const file = path.join(home, MANIFEST)
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return undefined
    const manifest = parseManifest(file, text)
    const { version } = manifest
    return {
      part,
      manifest,
      input: { part: partText(part), version, sha256: digest(text) },
      files(name) {
        const table = manifest.tables.find((one) => one.name === name)
        if (table === undefined) {
          throw new TapedeckError(
            'STATE_CORRUPT',
            `Cannot read ${partText(part)}: no table ${name} found, expected one beside ` +
              manifest.tables.map((one) => one.name).join(', ')
          )
        }
        return table.files.map((one) => path.join(home, one.path))
      }
    }
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
        `Cannot read ${partText(part)}: it is not published in ${this.dir}, expected the step before to have run`
      )
    }
    for (const { files } of found.manifest.tables) {
      for (const { path: name, sha256 } of files) {
        const file = path.join(this.#home(part), name)
        const is = await digestOfFile(file).catch((error: NodeJS.ErrnoException) => error.code)
        if (is === sha256) continue
        // Two versions may have been published since the manifest was read.
        const now = await this.find(part)
        if (now !== undefined && now.manifest.version !== found.manifest.version) {
          return this.read(part)
        }
        throw new TapedeckError(
          'STATE_CORRUPT',
          `Cannot read ${partText(part)}: ${file} has digest ${is}, expected ${sha256} as its manifest says; ` +
            'run the step that writes it again'
        )
      }
    }
    return found
  }

  /** The published dates of a publication, ascending. */
  async dates({ zone, name }: PublicationName): Promise<string[]> {
    const folder = path.join(this.dir, zone, name)
    const found: string[] = await readdir(folder).catch(() => [])
    const dates: string[] = []
    for (const entry of found.toSorted()) {
      const date = /^trade_date=(\d{4}-\d{2}-\d{2})$/.exec(entry)?.[1]
      if (date === undefined) continue
      const isPublished = await stat(path.join(folder, entry, MANIFEST)).catch(() => undefined)
      if (isPublished !== undefined) dates.push(date)
    }
    return dates
  }

  #home({ zone, name, date }: PartName): string {
    return path.join(this.dir, zone, name, `trade_date=${date}`)
  }

  async #exclusively<T>({ zone, name, date }: PartName, work: () => Promise<T>): Promise<T> {
    const file = path.join(this.dir, LOCKS, `${zone}.${name}.${date}.lock`)
    await mkdir(path.dirname(file), { recursive: true })
    await retry(() => takeLock(file, 'LAKE_DIR'), {
      delayMs: lockJitterMs,
      limitMs: LOCK_LIMIT_MS,
      isRetryable: (error) => hasCode(error, 'DATA_DIR_IN_USE')
    }).catch((cause: unknown) => {
      if (!hasCode(cause, 'DATA_DIR_IN_USE')) throw cause
      throw new TapedeckError(
        'RUN_IN_PROGRESS',
        `Cannot publish ${zone}/${name}/${date}: another process publishes it`,
        { cause }
      )
    })
    try {
      return await work()
    } finally {
      await rm(file, { force: true })
    }
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

/** A file of a draft that is on the disk, as the manifest will name it. */
async function published(folder: string, version: string, name: string): Promise<PublishedFile> {
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
    return { path: path.join(version, name), bytes, sha256: await digestOfFile(file) }
  } finally {
    await handle.close()
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Replaces a file by one rename, on the disk before it returns. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const partial = `${file}.${randomBytes(4).toString('hex')}.partial`
  const handle = await open(partial, 'w')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(partial, file)
  await syncFolder(path.dirname(file))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes the versions that no manifest names any more, and what a crash has left. */
async function removeOthers(home: string, kept: readonly (string | null)[]): Promise<void> {
  for (const name of await readdir(home)) {
    if (name === MANIFEST || kept.includes(name)) continue
    await rm(path.join(home, name), { recursive: true, force: true })
  }
}
